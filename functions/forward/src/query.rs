//! The query of a call, in so far as nothing in it changes what the call is.

use crate::refusal::Refusal;

/// Parameters that a write may have: they choose, they do not say what is written. Google reads the same
/// name in several spellings; these are the ones that clients send.
const OF_WRITES: [&str; 14] = [
    "$alt",
    "$prettyPrint",
    "allowMissing",
    "alt",
    "dryRun",
    "etag",
    "fields",
    "forceNewRevision",
    "jobId",
    "prettyPrint",
    "serviceId",
    "updateMask",
    "validateOnly",
    "workerPoolId",
];

/// Parameters that say who calls. That is said by the header alone, or two would be calling.
const CREDENTIALS: [&str; 3] = ["access_token", "bearer_token", "oauth_token"];

/// A query whose parameters all mean what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query; of a write only what is known passes, and nothing twice.
    pub(crate) fn parse(query: &str, write: bool) -> Result<Self, Refusal> {
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut read = Self::default();
        for (name, value) in pairs {
            let said = |what: &str| {
                let name = postern_core::image::shortened(&name);
                Refusal::invalid(format!("the parameter {name:?} {what}"))
            };
            if CREDENTIALS
                .iter()
                .any(|other| name.eq_ignore_ascii_case(other))
            {
                return Err(said(
                    "says who calls; the header Authorization does that here",
                ));
            }
            if name.eq_ignore_ascii_case("watch") && value != "false" {
                return Err(said("keeps a call open for ever, and is not forwarded"));
            }
            if write && !OF_WRITES.contains(&name.as_str()) {
                return Err(said("is not forwarded with a write: leave it out"));
            }
            if write && read.get(&name).is_some() {
                return Err(said("is there twice"));
            }
            let json = ["json", "json;enum-encoding=int"].contains(&value.as_str());
            if write && ["alt", "$alt"].contains(&name.as_str()) && !json {
                return Err(said(
                    "asks for another form than JSON, which is not forwarded",
                ));
            }
            read.0.push((name, value));
        }
        Ok(read)
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a parameter says yes.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// Whether nothing is to be written, only to be tried.
    pub(crate) fn is_a_trial(&self) -> bool {
        self.says("validateOnly") || self.get("dryRun").is_some_and(|value| value == "all")
    }

    /// All parameters, decoded.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::as_gcloud("alt=json", true)]
    #[case::as_client_libraries("%24alt=json%3Benum-encoding%3Dint", true)]
    #[case::as_terraform("updateMask=template%2Ctraffic&alt=json", true)]
    #[case::a_page("pageToken=x&foo=bar", false)]
    fn passes(#[case] query: &str, #[case] write: bool) {
        assert!(Query::parse(query, write).is_ok());
    }

    #[rstest]
    #[case::a_token("access_token=x", false)]
    #[case::in_capitals("Access_Token=x", false)]
    #[case::watched("watch=true", false)]
    #[case::unknown("foo=bar", true)]
    #[case::twice("updateMask=labels&updateMask=template", true)]
    #[case::protobuf("alt=proto", true)]
    #[case::in_another_spelling("update_mask=template", true)]
    fn refused(#[case] query: &str, #[case] write: bool) {
        assert!(Query::parse(query, write).is_err());
    }

    #[test]
    fn a_trial_is_recognised() {
        let trial = |query| Query::parse(query, true).map(|query| query.is_a_trial());
        assert_eq!(trial("validateOnly=true"), Ok(true));
        assert_eq!(trial("dryRun=all"), Ok(true));
        assert_eq!(trial("validateOnly=false"), Ok(false));
    }
}
