use postern_core::image::ImageReference;
use postern_core::revocation::{Revocation, Revoked as What};
use rstest::rstest;

use super::*;
use crate::issue::issue;
use crate::testing::{Key, Records, Revoked, Sink, Trust, at, attestor, image, rule_config};

/// One function with one rule, and everything around it.
struct World {
    key: Key,
    scanner: Key,
    sink: Arc<Sink>,
    found: Arc<Sink>,
    records: Arc<Records>,
    revoked: Vec<Revocation>,
    requires: Vec<AttestorName>,
    attestors: Vec<postern_core::attestor::Attestor>,
}

impl World {
    fn new() -> Self {
        let (key, scanner) = (Key::new(1), Key::new(2));
        Self {
            attestors: vec![
                attestor("built-by-ci", &[&key]),
                attestor("scanned", &[&scanner]),
            ],
            key,
            scanner,
            sink: Arc::default(),
            found: Arc::default(),
            records: Arc::default(),
            revoked: Vec::new(),
            requires: Vec::new(),
        }
    }

    fn requiring_a_scan() -> Self {
        Self {
            requires: vec![rule_config("scanned").attestor],
            ..Self::new()
        }
    }

    fn function(&self) -> Attestor {
        let config = postern_host::config::Signer {
            requires: self.requires.clone(),
            ..rule_config("built-by-ci")
        };
        let rule = SigningRule::new(&config, self.key.signer_for(), self.sink.clone());
        let parts = AttestorParts {
            trust: Arc::new(Trust(self.attestors.clone())),
            sources: vec![self.found.clone()],
            revocations: Arc::new(Revoked(Revocations::new(self.revoked.clone()))),
            journal: self.records.clone(),
            projects: ProjectNumbers([("demo-project".to_owned(), 111)].into()),
        };
        Attestor::new(parts, vec![rule.ok().unwrap()])
    }

    async fn asked(&self, image: &str, attestor: &str) -> Result<Stored, Refusal> {
        let request = Request {
            image: image.to_owned(),
            attestor: format!("projects/{attestor}"),
        };
        self.function().attest(&request, Some(&ci()), at()).await
    }

    async fn attested(&self) -> Result<Stored, Refusal> {
        self.asked(&image().to_string(), "demo-project/attestors/built-by-ci")
            .await
    }

    async fn refused(&self) -> String {
        let refusal = self.attested().await.unwrap_err();
        assert_eq!(self.sink.stored(), []);
        refusal.to_string()
    }

    fn revoke(&mut self, what: &str) {
        self.revoked.push(Revocation {
            what: What::from(what.to_owned()),
            reason: "leaked".to_owned(),
            by: "security@demo.example".to_owned(),
            at: at(),
        });
    }
}

fn ci() -> Caller {
    Caller {
        issuer: "https://issuer.example".to_owned(),
        subject: "1".to_owned(),
        email: Some("ci@demo.example".to_owned()),
    }
}

#[tokio::test]
async fn a_signing_is_recorded_before_it_counts_and_when_it_is_stored() {
    let world = World::new();
    let Ok(Stored::Created(occurrence)) = world.attested().await else {
        panic!("not attested");
    };
    let signings = world.records.signings();
    let recorded: Vec<_> = signings
        .iter()
        .map(|signing| signing.occurrence.clone())
        .collect();
    assert_eq!(recorded, [None, occurrence.name]);
    let key = occurrence
        .attestation
        .unwrap()
        .signatures
        .remove(0)
        .public_key_id;
    for signing in signings {
        assert_eq!(signing.image, image());
        assert_eq!(signing.key_id, key);
        assert_eq!(signing.caller, Some(ci()));
    }
}

#[tokio::test]
async fn a_second_time_is_there_already() {
    let world = World::new();
    world.attested().await.unwrap();
    assert!(matches!(
        world.attested().await,
        Ok(Stored::AlreadyThere(_))
    ));
    assert_eq!(world.sink.stored().len(), 1);
}

#[tokio::test]
async fn a_project_number_names_the_same_attestor() {
    let world = World::new();
    let stored = world
        .asked(&image().to_string(), "111/attestors/built-by-ci")
        .await;
    assert!(matches!(stored, Ok(Stored::Created(_))));
}

#[tokio::test]
async fn without_the_journal_nothing_is_stored() {
    let mut world = World::new();
    world.records = Arc::new(Records::dead());
    insta::assert_snapshot!(world.refused().await, @"the signing could not be recorded: journal: connection refused");
}

#[tokio::test]
async fn without_the_store_it_is_an_outage() {
    let mut world = World::new();
    world.sink = Arc::new(Sink::dead());
    let refusal = world.attested().await.unwrap_err();
    insta::assert_snapshot!(refusal, @"cannot store the attestation: store: connection refused");
}

#[rstest]
#[case::by_tag(
    "us-docker.pkg.dev/demo-project/repo/app:v1",
    "demo-project/attestors/built-by-ci"
)]
#[case::no_image("https://x", "demo-project/attestors/built-by-ci")]
#[case::no_attestor("us-docker.pkg.dev/demo-project/repo/app:v1", "built-by-ci")]
#[tokio::test]
async fn malformed_requests_are_mistakes(#[case] image: &str, #[case] attestor: &str) {
    let refusal = World::new().asked(image, attestor).await.unwrap_err();
    let problem = postern_host::problem::Problem::from(refusal);
    assert_eq!(problem.status(), 400);
}

#[tokio::test]
async fn another_attestor_or_repository_is_refused() {
    let world = World::new();
    let refusal = world
        .asked(&image().to_string(), "other/attestors/built-by-ci")
        .await;
    insta::assert_snapshot!(refusal.unwrap_err(), @"this function does not sign in the name of projects/other/attestors/built-by-ci");
    let elsewhere = image().to_string().replace("demo-project", "evil-project");
    let elsewhere = ImageReference::parse(&elsewhere).unwrap().to_string();
    let refusal = world
        .asked(&elsewhere, "demo-project/attestors/built-by-ci")
        .await;
    insta::assert_snapshot!(refusal.unwrap_err(), @"us-docker.pkg.dev/evil-project/repo/app is in no repository that this caller may have attested by projects/demo-project/attestors/built-by-ci");
}

#[tokio::test]
async fn another_caller_is_refused() {
    let world = World::new();
    let request = Request {
        image: image().to_string(),
        attestor: "projects/demo-project/attestors/built-by-ci".to_owned(),
    };
    for caller in [
        None,
        Some(Caller {
            email: None,
            ..ci()
        }),
    ] {
        let refusal = world
            .function()
            .attest(&request, caller.as_ref(), at())
            .await;
        assert!(matches!(refusal, Err(Refusal::Caller(_))));
    }
    assert_eq!(world.records.signings(), []);
}

#[tokio::test]
async fn what_is_revoked_is_not_attested() {
    let mut world = World::new();
    world.revoke(&image().digest().unwrap().to_string());
    insta::assert_snapshot!(world.refused().await, @"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 is revoked: leaked");
}

#[tokio::test]
async fn a_revoked_key_attests_nothing() {
    let mut world = World::new();
    let key_id = TrustedAttestor::new(&world.attestors[0]).keys()[0]
        .id()
        .to_owned();
    world.revoke(&key_id);
    insta::assert_snapshot!(world.refused().await, @"ni:///sha-256;-FeuTtbjTjN2Guolyq7j_lShWWD7ktzWOjdasSHesqk is revoked: leaked");
    assert_eq!(world.records.signings(), []);
}

#[tokio::test]
async fn what_is_required_must_be_there_first() {
    let world = World::requiring_a_scan();
    insta::assert_snapshot!(world.refused().await, @"projects/demo-project/attestors/scanned must be satisfied first: no attestation of us-docker.pkg.dev/demo-project/repo/app@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 by projects/demo-project/attestors/scanned was found (0 attestations looked at, in store)");
    let scanned = &world.attestors[1];
    issue(
        &world.scanner.signer(),
        scanned,
        &image(),
        world.found.as_ref(),
        at(),
    )
    .await
    .unwrap();
    assert!(matches!(world.attested().await, Ok(Stored::Created(_))));
}

#[tokio::test]
async fn what_is_required_and_cannot_be_read_is_undetermined() {
    let mut world = World::requiring_a_scan();
    world.found = Arc::new(Sink::dead());
    insta::assert_snapshot!(world.refused().await, @"it is not known whether projects/demo-project/attestors/scanned is satisfied: attestations could not be read from store: connection refused");
}

#[tokio::test]
async fn an_attestor_that_is_gone_is_said_to_be() {
    let mut world = World::new();
    world.attestors.clear();
    insta::assert_snapshot!(world.refused().await, @"there is no attestor projects/demo-project/attestors/built-by-ci");
}
