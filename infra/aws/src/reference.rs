//! How a KMS key is written on a command line and in a configuration.

use std::fmt;
use std::str::FromStr;

/// The longest key id that the KMS API takes (`KeyId` of `Sign`).
const MAX_KEY_ID: usize = 2048;

/// A key of AWS KMS: `awskms:///KEY` or `awskms://ENDPOINT/KEY`, where `KEY` is an ARN of a key or
/// an alias, `alias/NAME`, or a key id.
///
/// `ENDPOINT` is a host with an optional port. It is reached over HTTPS, a loopback host over plain
/// HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsReference {
    endpoint: Option<String>,
    key_id: String,
}

/// A text that names no KMS key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KmsReferenceError {
    /// It does not start with `awskms://`, or no `/` follows the endpoint.
    #[error("a key of AWS KMS is written awskms:///ARN, awskms:///alias/NAME or awskms:///KEY-ID")]
    Form,
    /// What follows is no key id, ARN or alias.
    #[error("{0:?} is no key id, alias/NAME or ARN of AWS KMS")]
    KeyId(String),
    /// The endpoint is no host name.
    #[error("{0:?} is no endpoint; write HOST or HOST:PORT")]
    Endpoint(String),
}

impl KmsReference {
    /// What the API calls `KeyId`.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The URL of the endpoint, where one is written.
    pub(crate) fn endpoint_url(&self) -> Option<String> {
        let endpoint = self.endpoint.as_deref()?;
        let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
        let scheme = if matches!(host, "localhost" | "127.0.0.1") {
            "http"
        } else {
            "https"
        };
        Some(format!("{scheme}://{endpoint}"))
    }

    /// The region that an ARN names.
    pub(crate) fn region(&self) -> Option<&str> {
        let mut parts = self.key_id.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("arn"), Some(_), Some("kms"), Some(region)) => Some(region),
            _ => None,
        }
    }
}

impl FromStr for KmsReference {
    type Err = KmsReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("awskms://");
        let (endpoint, key_id) = rest
            .and_then(|rest| rest.split_once('/'))
            .ok_or(KmsReferenceError::Form)?;
        if !is_key_id(key_id) {
            return Err(KmsReferenceError::KeyId(shortened(key_id)));
        }
        if !endpoint
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
        {
            return Err(KmsReferenceError::Endpoint(shortened(endpoint)));
        }
        Ok(Self {
            endpoint: (!endpoint.is_empty()).then(|| endpoint.to_owned()),
            key_id: key_id.to_owned(),
        })
    }
}

impl fmt::Display for KmsReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        write!(f, "awskms://{endpoint}/{}", self.key_id)
    }
}

fn is_key_id(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let path = |text: &str| !text.is_empty() && text.bytes().all(|b| word(b) || b == b'/');
    if text.len() > MAX_KEY_ID {
        return false;
    }
    if let Some(alias) = text.strip_prefix("alias/") {
        return path(alias);
    }
    match text.split(':').collect::<Vec<_>>()[..] {
        [id] => !id.is_empty() && id.bytes().all(word),
        ["arn", partition, "kms", region, account, resource] => {
            let resource = resource
                .strip_prefix("key/")
                .or(resource.strip_prefix("alias/"));
            [partition, region, account]
                .iter()
                .all(|part| !part.is_empty() && part.bytes().all(word))
                && resource.is_some_and(path)
        }
        _ => false,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[rstest]
    #[case::arn(&format!("awskms:///{ARN}"), ARN, None, Some("eu-west-1"))]
    #[case::alias("awskms:///alias/built/by_ci", "alias/built/by_ci", None, None)]
    #[case::alias_arn(
        "awskms:///arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/ci",
        "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/ci",
        None,
        Some("us-gov-west-1")
    )]
    #[case::multi_region("awskms:///mrk-1234abcd", "mrk-1234abcd", None, None)]
    #[case::local(
        "awskms://localhost:5001/1234",
        "1234",
        Some("http://localhost:5001"),
        None
    )]
    #[case::endpoint(
        "awskms://vpce-1.kms.eu-west-1.vpce.amazonaws.com/alias/ci",
        "alias/ci",
        Some("https://vpce-1.kms.eu-west-1.vpce.amazonaws.com"),
        None
    )]
    fn read(
        #[case] text: &str,
        #[case] key_id: &str,
        #[case] endpoint: Option<&str>,
        #[case] region: Option<&str>,
    ) {
        let reference: KmsReference = text.parse().unwrap();
        assert_eq!(reference.key_id(), key_id);
        assert_eq!(reference.endpoint_url().as_deref(), endpoint);
        assert_eq!(reference.region(), region);
        assert_eq!(reference.to_string(), text);
    }

    #[rstest]
    #[case::scheme("gcpkms:///x")]
    #[case::no_slash("awskms://1234")]
    #[case::nothing("awskms:///")]
    #[case::other_service("awskms:///arn:aws:s3:::bucket")]
    #[case::space("awskms:///alias/a b")]
    #[case::user_info("awskms://me@localhost/1234")]
    #[case::encoded("awskms:///alias%2Fci")]
    #[case::empty_alias("awskms:///alias/")]
    fn refused(#[case] text: &str) {
        assert!(text.parse::<KmsReference>().is_err(), "{text}");
    }
}
