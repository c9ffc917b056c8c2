use std::sync::Mutex;

use async_trait::async_trait;
use postern_core::attestor::Attestor;
use postern_core::ports::Unavailable;

use super::*;

/// Answers as it is told, and keeps what it was sent.
struct Told {
    live: Policy,
    answer: Replaced,
    sent: Mutex<Vec<Policy>>,
}

#[async_trait]
impl PolicyAuthority for Told {
    async fn live(&self, _: &str) -> Result<LivePolicy, Unavailable> {
        Ok(LivePolicy {
            policy: self.live.clone(),
            was_set: true,
        })
    }

    async fn replace(&self, _: &str, policy: &Policy) -> Result<Replaced, Unavailable> {
        self.sent.lock().unwrap().push(policy.clone());
        Ok(self.answer.clone())
    }

    async fn attestors(&self, _: &str) -> Result<Vec<Attestor>, Unavailable> {
        Ok(Vec::new())
    }
}

fn policy(mode: &str, etag: Option<&str>) -> Policy {
    let text = format!(
        "name: projects/demo-mart/policy\ndefaultAdmissionRule: {{evaluationMode: {mode}, \
         enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG}}\n"
    );
    Policy {
        etag: etag.map(str::to_owned),
        ..Policy::parse(&text).unwrap()
    }
}

async fn replaced(live: Policy, answer: Replaced) -> Result<(), Failure> {
    let told = Told {
        live,
        answer,
        sent: Mutex::default(),
    };
    let wanted = policy("ALWAYS_DENY", Some("\"1\""));
    let outcome = replace(&told, "demo-mart", &wanted, &Config::default()).await;
    assert_eq!(*told.sent.lock().unwrap(), [wanted]);
    outcome
}

#[tokio::test]
async fn a_lost_answer_is_told_from_somebody_elses_change() {
    let (ours, theirs) = (
        policy("ALWAYS_DENY", Some("\"2\"")),
        policy("ALWAYS_ALLOW", None),
    );
    let stale = || Replaced::Stale("synthetic".to_owned());
    assert!(replaced(ours.clone(), stale()).await.is_ok());
    let failure = replaced(theirs.clone(), stale()).await.unwrap_err();
    assert_eq!(failure.exit, Exit::No);
    assert!(failure.message.contains("changed by somebody else"));

    let written = Replaced::Written(Box::new(ours.clone()));
    assert!(replaced(theirs.clone(), written).await.is_ok());
    let other = replaced(ours.clone(), Replaced::Written(Box::new(theirs))).await;
    let other = other.unwrap_err();
    assert_eq!(other.exit, Exit::No);
    assert!(other.message.contains("otherwise than it was sent"));
    let refused = replaced(ours, Replaced::Refused("no such attestor".to_owned())).await;
    assert_eq!(refused.unwrap_err().exit, Exit::Mistake);
}

#[test]
fn an_old_export_and_a_policy_without_an_etag_are_not_written() {
    let name = "projects/demo-mart/policy";
    let live = |etag| LivePolicy {
        policy: policy("ALWAYS_DENY", etag),
        was_set: true,
    };
    let with = |etag| policy("ALWAYS_DENY", etag);
    assert!(current(name, &with(None), &live(Some("\"2\""))).is_ok());
    assert!(current(name, &with(Some("\"2\"")), &live(Some("\"2\""))).is_ok());
    let old = current(name, &with(Some("\"1\"")), &live(Some("\"2\"")));
    assert_eq!(old.unwrap_err().exit, Exit::No);
    let blind = current(name, &with(None), &live(None));
    assert_eq!(blind.unwrap_err().exit, Exit::Undetermined);
}
