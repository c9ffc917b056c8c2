//! What a registry asks for when it answers 401.

use postern_core::image::shortened;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use url::Url;

/// What a registry asks for (RFC 9110 "WWW-Authenticate"; distribution "Token Authentication
/// Specification").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token that the realm issues.
    Bearer {
        /// Where the token is to be had.
        realm: Url,
        /// What the realm calls the registry.
        service: Option<String>,
    },
}

impl Challenge {
    /// The challenge of an answer, a token preferred. The error says why there is none, for people.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, String> {
        let values: Vec<&str> = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let mut basic = false;
        for value in &values {
            for challenge in http_auth::parse_challenges(value).unwrap_or_default() {
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    return bearer(&challenge);
                }
                basic |= challenge.scheme.eq_ignore_ascii_case("basic");
            }
        }
        if basic {
            return Ok(Self::Basic);
        }
        Err(match values.first() {
            Some(value) => format!("it asks for {:?}, which is not supported", shortened(value)),
            None => "it does not say how to log in".to_owned(),
        })
    }
}

fn bearer(challenge: &http_auth::ChallengeRef<'_>) -> Result<Challenge, String> {
    let parameter = |name: &str| {
        challenge
            .params
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_unescaped())
    };
    let realm = parameter("realm").ok_or("its challenge names no realm")?;
    let url = Url::parse(&realm)
        .ok()
        .filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| format!("its realm {:?} is no URL", shortened(&realm)))?;
    Ok(Challenge::Bearer {
        realm: url,
        service: parameter("service"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (WWW_AUTHENTICATE, value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let asked = headers(&[
            r#"Basic realm="r""#,
            r#"Bearer realm="https://auth.example/token",service="registry.example",scope="x""#,
        ]);
        assert_eq!(
            Challenge::of(&asked),
            Ok(Challenge::Bearer {
                realm: Url::parse("https://auth.example/token").unwrap(),
                service: Some("registry.example".to_owned()),
            })
        );
        assert_eq!(
            Challenge::of(&headers(&[r#"bAsIc realm="r""#])),
            Ok(Challenge::Basic)
        );
    }

    #[test]
    fn what_cannot_be_answered_is_said() {
        let problem = |values: &[&str]| Challenge::of(&headers(values)).unwrap_err();
        insta::assert_snapshot!(problem(&[]), @"it does not say how to log in");
        insta::assert_snapshot!(problem(&["Negotiate"]), @r#"it asks for "Negotiate", which is not supported"#);
        insta::assert_snapshot!(problem(&["Bearer service=x"]), @"its challenge names no realm");
        insta::assert_snapshot!(problem(&[r#"Bearer realm="file:///etc/passwd""#]), @r#"its realm "file:///etc/passwd" is no URL"#);
    }

    proptest! {
        #[test]
        fn no_header_panics(value in "[ -~]{0,200}") {
            let _ = Challenge::of(&headers(&[&value]));
        }
    }
}
