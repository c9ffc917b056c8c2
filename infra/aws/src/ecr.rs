//! Tokens of Amazon ECR (`GetAuthorizationToken` of the API of 2015-09-21).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::Region;
use aws_sdk_ecr::types::AuthorizationData;
use postern_core::bytes::Base64;
use postern_core::ports::{CredentialProvider, RegistryCredential, Unavailable};
use tokio::sync::Mutex;

use crate::failure::explain;
use crate::session::Session;

/// A token is renewed this long before it ends, so that a request made with it still arrives.
const MARGIN: Duration = Duration::from_secs(300);

/// Credentials of private ECR registries, for the AWS identity that this runs as.
///
/// One token per region, kept until shortly before it ends (AWS gives 12 hours). Callers that ask
/// at the same time share one request.
#[derive(Debug)]
pub struct EcrCredentials {
    session: Session,
    tokens: Mutex<BTreeMap<String, Token>>,
}

#[derive(Debug, Clone)]
struct Token {
    credential: RegistryCredential,
    ends: SystemTime,
}

impl EcrCredentials {
    /// Credentials of this session's identity.
    pub fn new(session: Session) -> Self {
        Self {
            session,
            tokens: Mutex::new(BTreeMap::new()),
        }
    }

    async fn fetch(&self, host: &str, region: &str) -> Result<Token, Unavailable> {
        let outage = |message: String| Unavailable::new(format!("Amazon ECR {host}"), message);
        let config = aws_sdk_ecr::config::Builder::from(self.session.sdk())
            .region(Region::new(region.to_owned()))
            .build();
        let answer = Client::from_conf(config)
            .get_authorization_token()
            .send()
            .await
            .map_err(|error| outage(explain(&error, "ecr:GetAuthorizationToken", "*")))?;
        answer
            .authorization_data()
            .first()
            .and_then(token)
            .ok_or_else(|| outage("GetAuthorizationToken answered without a token".to_owned()))
    }
}

#[async_trait]
impl CredentialProvider for EcrCredentials {
    /// A host that is no private ECR registry gets none: a token never leaves AWS.
    async fn credential(&self, registry_host: &str) -> Result<RegistryCredential, Unavailable> {
        let region = region_of(registry_host).ok_or_else(|| {
            Unavailable::new(
                format!("Amazon ECR {registry_host}"),
                "this is no private ECR registry (ACCOUNT.dkr.ecr.REGION.amazonaws.com); \
                 configure another credential for it",
            )
        })?;
        // Held while fetching, so that nobody fetches twice.
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(region)
            && is_good(token, SystemTime::now())
        {
            return Ok(token.credential.clone());
        }
        let token = self.fetch(registry_host, region).await?;
        tokens.insert(region.to_owned(), token.clone());
        Ok(token.credential)
    }
}

fn is_good(token: &Token, now: SystemTime) -> bool {
    now.checked_add(MARGIN)
        .is_some_and(|then| then < token.ends)
}

/// `authorizationToken` is the base64 of `AWS:PASSWORD`.
fn token(data: &AuthorizationData) -> Option<Token> {
    let text = String::from_utf8(Base64::decode(data.authorization_token()?).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Token {
        credential: RegistryCredential {
            username: username.to_owned(),
            password: password.to_owned(),
        },
        ends: SystemTime::try_from(*data.expires_at()?).ok()?,
    })
}

/// The region of `ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com[.cn]` and of its dual-stack form
/// `ACCOUNT.dkr-ecr[-fips].REGION.on.aws` (AWS General Reference, "Amazon ECR endpoints").
fn region_of(host: &str) -> Option<&str> {
    let (account, rest) = host.split_once('.')?;
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let region = ["dkr.ecr.", "dkr.ecr-fips."]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))
        .and_then(|rest| {
            let cn = rest.strip_suffix(".amazonaws.com.cn");
            cn.or_else(|| rest.strip_suffix(".amazonaws.com"))
        })
        .or_else(|| {
            ["dkr-ecr.", "dkr-ecr-fips."]
                .iter()
                .find_map(|prefix| rest.strip_prefix(prefix))
                .and_then(|rest| rest.strip_suffix(".on.aws"))
        })?;
    let ok = !region.is_empty()
        && region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    ok.then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("111122223333.dkr.ecr.eu-west-1.amazonaws.com", Some("eu-west-1"))]
    #[case("111122223333.dkr.ecr-fips.us-east-1.amazonaws.com", Some("us-east-1"))]
    #[case("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", Some("cn-north-1"))]
    #[case("111122223333.dkr-ecr.eu-west-1.on.aws", Some("eu-west-1"))]
    #[case::other_domain("111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example", None)]
    #[case::inside("evil.example/111122223333.dkr.ecr.eu-west-1.amazonaws.com", None)]
    #[case::port("111122223333.dkr.ecr.eu-west-1.amazonaws.com:8443", None)]
    #[case::more_labels("111122223333.dkr.ecr.a.b.amazonaws.com", None)]
    #[case::short_account("1111.dkr.ecr.eu-west-1.amazonaws.com", None)]
    #[case::public("public.ecr.aws", None)]
    fn only_private_ecr_hosts_have_a_region(#[case] host: &str, #[case] region: Option<&str>) {
        assert_eq!(region_of(host), region);
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let data = AuthorizationData::builder()
            .authorization_token(Base64::encode(b"AWS:synthetic:password"))
            .expires_at(aws_sdk_ecr::primitives::DateTime::from(now + MARGIN))
            .build();
        let token = token(&data).unwrap();
        assert_eq!(token.credential.username, "AWS");
        assert_eq!(token.credential.password, "synthetic:password");
        assert!(!is_good(&token, now));
        assert!(is_good(&token, now - Duration::from_secs(1)));
    }

    #[test]
    fn a_token_without_an_end_is_none() {
        let data = AuthorizationData::builder()
            .authorization_token(Base64::encode(b"AWS:synthetic"))
            .build();
        assert!(token(&data).is_none());
    }
}
