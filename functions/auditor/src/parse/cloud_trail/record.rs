//! The members of a record that matter, borrowed from its bytes.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::parse::text::{Text, or_default};

/// A CloudTrail record. Members that are not named here are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record<'a> {
    #[serde(borrow, default)]
    pub(super) event_version: Text<'a>,
    #[serde(borrow, default, rename = "eventID")]
    pub(super) event_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) event_time: Text<'a>,
    #[serde(borrow, default)]
    pub(super) event_source: Text<'a>,
    #[serde(borrow, default)]
    pub(super) event_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) event_type: Text<'a>,
    #[serde(borrow, default)]
    pub(super) event_category: Text<'a>,
    #[serde(borrow, default)]
    pub(super) aws_region: Text<'a>,
    #[serde(borrow, default)]
    recipient_account_id: Text<'a>,
    #[serde(borrow, default, rename = "sourceIPAddress")]
    pub(super) source_ip_address: Text<'a>,
    #[serde(borrow, default)]
    pub(super) user_agent: Text<'a>,
    #[serde(borrow, default)]
    pub(super) error_code: Text<'a>,
    #[serde(borrow, default)]
    pub(super) error_message: Text<'a>,
    #[serde(borrow, default)]
    read_only: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) user_identity: UserIdentity<'a>,
    #[serde(borrow, default)]
    pub(super) resources: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) request_parameters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) response_elements: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) additional_event_data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) service_event_details: Option<&'a RawValue>,
    /// No record has one: with it, it is an entry of Cloud Logging.
    #[serde(borrow, default)]
    log_name: Option<&'a RawValue>,
}

/// `userIdentity`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserIdentity<'a> {
    #[serde(borrow, default)]
    pub(super) arn: Text<'a>,
    #[serde(borrow, default)]
    pub(super) user_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) principal_id: Text<'a>,
    #[serde(borrow, default)]
    account_id: Text<'a>,
    #[serde(borrow, default)]
    access_key_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) invoked_by: Text<'a>,
    #[serde(borrow, default)]
    pub(super) session_context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) on_behalf_of: Option<&'a RawValue>,
}

impl Record<'_> {
    /// Whether the bytes are meant as a record.
    pub(crate) fn is_one(&self) -> bool {
        !self.event_version.is_empty() && self.log_name.is_none()
    }

    /// The account that the trail belongs to; of records older than version 1.02 the caller's.
    pub(super) fn account(&self) -> &str {
        match &*self.recipient_account_id {
            "" => &self.user_identity.account_id,
            account => account,
        }
    }

    /// Whether it contradicts the account and region of an envelope that it came in.
    pub(crate) fn contradicts(&self, account: &str, region: &str) -> bool {
        let other = |stated: &str, own: &str| !stated.is_empty() && stated != own;
        other(account, self.account()) || other(region, &self.aws_region)
    }

    /// A boolean; older records have it as text.
    pub(super) fn read_only(&self) -> Option<bool> {
        match self.read_only?.get() {
            "true" | "\"true\"" => Some(true),
            "false" | "\"false\"" => Some(false),
            _ => None,
        }
    }
}

impl UserIdentity<'_> {
    /// The id of a long-term key; those of sessions begin with `ASIA`.
    pub(super) fn exported_key(&self) -> Option<String> {
        self.has_exported_key()
            .then(|| self.access_key_id.to_string())
    }

    pub(super) fn has_exported_key(&self) -> bool {
        self.access_key_id.starts_with("AKIA")
    }
}
