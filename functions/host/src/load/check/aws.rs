//! Mistakes in `aws`.

use super::Findings;
use crate::config::Aws;
use crate::load::path::at;

pub(super) fn check(aws: &Aws, findings: &mut Findings) {
    let Some(identity) = &aws.web_identity else {
        return;
    };
    let here = at("aws").key("webIdentity");
    if !is_role(&identity.role_arn) {
        let message = "a role is written as `arn:aws:iam::ACCOUNT:role/NAME`";
        findings.push((here.key("roleArn"), message.to_owned()));
    }
    let audience = &identity.audience;
    if audience.is_empty() || audience.len() > 255 || audience.contains(char::is_whitespace) {
        let message = "this is the audience that the role's trust policy names \
                       (`accounts.google.com:oaud`), such as `sts.amazonaws.com`";
        findings.push((here.key("audience"), message.to_owned()));
    }
    if !is_session(&identity.session_name) {
        let message = "this has 2 to 64 letters, digits or `_+=,.@-`";
        findings.push((here.key("sessionName"), message.to_owned()));
    }
    if identity
        .region
        .as_deref()
        .is_some_and(|region| !is_region(region))
    {
        let message = "this is no region of AWS, such as `eu-west-1`";
        findings.push((here.key("region"), message.to_owned()));
    }
}

/// `arn:PARTITION:iam::ACCOUNT:role/PATH` (IAM, "IAM ARNs").
fn is_role(arn: &str) -> bool {
    let ["arn", partition, "iam", "", account, role] = arn.split(':').collect::<Vec<_>>()[..]
    else {
        return false;
    };
    let name = role.strip_prefix("role/").unwrap_or_default();
    let known = |b: u8| b.is_ascii_alphanumeric() || b"/_+=,.@-".contains(&b);
    is_region(partition)
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && !name.is_empty()
        && arn.len() <= 2048
        && name.bytes().all(known)
}

/// `RoleSessionName` of the STS API.
fn is_session(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (2..=64).contains(&name.len()) && name.bytes().all(known)
}

fn is_region(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= 40 && text.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WebIdentity;

    fn found(change: fn(&mut WebIdentity)) -> String {
        let mut identity: WebIdentity = serde_json::from_value(serde_json::json!({
            "roleArn": "arn:aws:iam::111122223333:role/postern/alerts",
            "audience": "sts.amazonaws.com",
        }))
        .unwrap();
        change(&mut identity);
        let mut findings = Findings::new();
        let web_identity = Some(identity);
        check(&Aws { web_identity }, &mut findings);
        let lines = findings
            .iter()
            .map(|(place, message)| format!("{place}: {message}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_role_an_audience_and_a_name_are_enough() {
        assert_eq!(found(|_| ()), "");
        assert_eq!(
            found(|i| i.role_arn = "arn:aws-us-gov:iam::111122223333:role/a".to_owned()),
            ""
        );
        assert_eq!(found(|i| i.region = Some("eu-west-1".to_owned())), "");
        assert_eq!(found(|_| ()), "");
        check(&Aws::default(), &mut Findings::new());
    }

    #[test]
    fn each_mistake_is_told_at_its_place() {
        let all = found(|identity| {
            identity.role_arn = "arn:aws:sts::111122223333:assumed-role/a".to_owned();
            identity.audience = String::new();
            identity.session_name = "a b".to_owned();
            identity.region = Some("eu-west-1.example.com".to_owned());
        });
        insta::assert_snapshot!(all, @"
        aws.webIdentity.roleArn: a role is written as `arn:aws:iam::ACCOUNT:role/NAME`
        aws.webIdentity.audience: this is the audience that the role's trust policy names (`accounts.google.com:oaud`), such as `sts.amazonaws.com`
        aws.webIdentity.sessionName: this has 2 to 64 letters, digits or `_+=,.@-`
        aws.webIdentity.region: this is no region of AWS, such as `eu-west-1`
        ");
        for role in [
            "",
            "alerts",
            "arn:aws:iam::1:role/a",
            "arn:aws:iam::111122223333:user/a",
            "arn:aws:iam::111122223333:role/",
        ] {
            assert!(!is_role(role), "{role}");
        }
    }
}
