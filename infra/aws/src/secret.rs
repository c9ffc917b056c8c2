//! Secrets of AWS Secrets Manager (`GetSecretValue` of the API of 2017-10-17).

use std::str::FromStr;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Region;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use postern_core::ports::Unavailable;

use crate::failure::explain;
use crate::session::Session;

/// The longest name of a secret or ARN that the API takes (`SecretId`).
const MAX_ID: usize = 2048;
/// What AWS answers where asking again is of no use: the reference, a permission or an identity is
/// wrong. Every other answer is an outage.
const REFUSALS: [&str; 9] = [
    "AccessDeniedException",
    "DecryptionFailure",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidParameterException",
    "InvalidRequestException",
    "InvalidSignatureException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
];

/// A secret of AWS Secrets Manager: `awssm://NAME` or `awssm://ARN`, and then `?region=REGION` where
/// it is not in the region of the ARN or the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    id: String,
    region: Option<String>,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The reference is none, or AWS does not give what it names to us. Asking again is of no use.
    #[error("{0}")]
    Refused(String),
    /// AWS could not be asked.
    #[error(transparent)]
    Outage(#[from] Unavailable),
}

impl FromStr for SecretReference {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || {
            let form = "write awssm://NAME or awssm://ARN, and ?region=REGION for another region";
            SecretError::Refused(form.to_owned())
        };
        let rest = text.strip_prefix("awssm://").ok_or_else(form)?;
        let (id, query) = match rest.split_once('?') {
            Some((id, query)) => (id, Some(query)),
            None => (rest, None),
        };
        let asked = match query.map(|query| query.strip_prefix("region=")) {
            None => None,
            Some(Some(region)) if is_region(region) => Some(region),
            Some(_) => return Err(form()),
        };
        let own = region_of_id(id).map_err(|()| form())?;
        match (own, asked) {
            (Some(own), Some(asked)) if own != asked => Err(SecretError::Refused(format!(
                "the ARN is of {own}, and the region is {asked}: leave the region out"
            ))),
            (own, asked) => Ok(Self {
                id: id.to_owned(),
                region: own.or(asked).map(str::to_owned),
            }),
        }
    }
}

/// The region of an ARN, or of a name none.
fn region_of_id(id: &str) -> Result<Option<&str>, ()> {
    let is_name = |name: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b);
        !name.is_empty() && name.bytes().all(known)
    };
    if id.len() > MAX_ID {
        return Err(());
    }
    match id.split(':').collect::<Vec<_>>()[..] {
        [name] if is_name(name) => Ok(None),
        [
            "arn",
            partition,
            "secretsmanager",
            region,
            account,
            "secret",
            name,
        ] => {
            let is_account = !account.is_empty() && account.bytes().all(|b| b.is_ascii_digit());
            let whole = is_region(partition) && is_region(region) && is_account && is_name(name);
            whole.then_some(Some(region)).ok_or(())
        }
        _ => Err(()),
    }
}

fn is_region(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= 40 && text.bytes().all(known)
}

/// Fetches the current version of a secret, as the identity of the session.
///
/// # Errors
/// [`SecretError`], which never holds the secret.
pub async fn secret(
    session: &Session,
    reference: &SecretReference,
) -> Result<Vec<u8>, SecretError> {
    let mut config = aws_sdk_secretsmanager::config::Builder::from(session.sdk());
    if let Some(region) = &reference.region {
        config = config.region(Region::new(region.clone()));
    }
    let request = Client::from_conf(config.build())
        .get_secret_value()
        .secret_id(&reference.id);
    let answer = request.send().await.map_err(|error| {
        let resource = format!("secret {}", reference.id);
        let told = explain(&error, "secretsmanager:GetSecretValue", &resource);
        let code = error.as_service_error().and_then(|error| error.code());
        match code {
            Some(code) if REFUSALS.contains(&code) => {
                SecretError::Refused(format!("AWS Secrets Manager: {told}"))
            }
            _ => outage(told).into(),
        }
    })?;
    match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => Ok(text.into_bytes()),
        (None, Some(bytes)) => Ok(bytes.into_inner()),
        (None, None) => Err(outage("GetSecretValue answered without a secret").into()),
    }
}

fn outage(message: impl ToString) -> Unavailable {
    Unavailable::new("AWS Secrets Manager", message)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop/hook-AbCdEf";

    #[rstest]
    #[case::name("awssm://shop/hook", "shop/hook", None)]
    #[case::name_and_region("awssm://shop/hook?region=eu-north-1", "shop/hook", Some("eu-north-1"))]
    #[case::arn(&format!("awssm://{ARN}"), ARN, Some("eu-west-1"))]
    #[case::arn_and_region(&format!("awssm://{ARN}?region=eu-west-1"), ARN, Some("eu-west-1"))]
    fn read(#[case] text: &str, #[case] id: &str, #[case] region: Option<&str>) {
        let reference: SecretReference = text.parse().unwrap();
        assert_eq!(reference.id, id);
        assert_eq!(reference.region.as_deref(), region);
    }

    #[rstest]
    #[case::nothing("awssm://")]
    #[case::scheme("gcpsm://hook")]
    #[case::other_service("awssm://arn:aws:s3:::bucket")]
    #[case::other_query("awssm://hook?version=1")]
    #[case::no_region("awssm://hook?region=")]
    #[case::host_for_a_region("awssm://hook?region=a.example.com")]
    #[case::two_regions(&format!("awssm://{ARN}?region=eu-north-1"))]
    #[case::space("awssm://a b")]
    fn refused(#[case] text: &str) {
        let error = text.parse::<SecretReference>().unwrap_err();
        assert!(error.to_string().contains("region"), "{error}");
    }
}
