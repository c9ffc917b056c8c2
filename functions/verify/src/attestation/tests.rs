use std::collections::HashMap;
use std::sync::Mutex;

use postern_core::attestor::{Attestor, AttestorPublicKey, PkixPublicKey, SignatureAlgorithm};
use postern_core::bytes::Base64;
use postern_core::payload::{signature_payload, signature_payload_until};
use postern_core::ports::SignerKey;
use postern_core::reason::Reason;
use postern_core::revocation::Revoked;

use super::*;
use crate::signer::{SoftwareSigner, generate_p256};

const AT: Timestamp = Timestamp::constant(1_767_323_045, 0);

/// An attestor with one P-256 key, and the means to attest as it.
struct World {
    attestor: TrustedAttestor,
    signer: SoftwareSigner,
    key_id: String,
    image: ImageReference,
    digest: Digest,
    projects: ProjectNumbers,
    revocations: Revocations,
    compare_repository: bool,
    covering_index: Option<Digest>,
}

impl World {
    fn new() -> Self {
        let (private, public) = generate_p256().unwrap();
        let attestor = attestor(&[&public]);
        let digest = Digest::of(b"x");
        Self {
            key_id: attestor.keys()[0].id().to_owned(),
            attestor,
            signer: SoftwareSigner::from_pem(&private, None, None).unwrap(),
            image: ImageReference::parse("us-docker.pkg.dev/demo-project/repo/app:v1").unwrap(),
            digest,
            projects: ProjectNumbers([("demo-project".to_owned(), 111_111_111_111)].into()),
            revocations: Revocations::default(),
            compare_repository: false,
            covering_index: None,
        }
    }

    fn occurrence_of(&self, image: &str, digest: Digest) -> Occurrence {
        let image = ImageReference::parse(image).unwrap();
        let payload = signature_payload(&image, &digest);
        let signature = self.signer.sign_at(&payload, AT).unwrap();
        Occurrence {
            name: Some("projects/demo-project/occurrences/one".to_owned()),
            kind: Some(ATTESTATION.to_owned()),
            note_name: self.attestor.note().clone(),
            resource_uri: format!("https://{}@{digest}", image.name()),
            attestation: Some(Attestation {
                serialized_payload: Base64(payload),
                signatures: vec![Signature {
                    public_key_id: self.key_id.clone(),
                    signature: Base64(signature),
                }],
            }),
            create_time: None,
        }
    }

    fn occurrence(&self) -> Occurrence {
        self.occurrence_of("us-docker.pkg.dev/demo-project/repo/app", self.digest)
    }

    fn revoke(&mut self, what: &str) {
        self.revocations = Revocations::new(vec![Revocation {
            what: Revoked::from(what.to_owned()),
            reason: "laptop stolen".to_owned(),
            by: "oncall@example.com".to_owned(),
            at: AT,
        }]);
    }

    fn verify(&self, found: &[Result<&[Occurrence], &Unavailable>]) -> AttestorOutcome {
        self.verify_with(found, None)
    }

    fn verify_with(
        &self,
        found: &[Result<&[Occurrence], &Unavailable>],
        cache: Option<&dyn EvidenceCache>,
    ) -> AttestorOutcome {
        let found: Vec<Found<'_>> = found
            .iter()
            .map(|o| Found {
                source: "registry",
                occurrences: *o,
            })
            .collect();
        verify_attestor(
            &self.attestor,
            &Subject {
                image: &self.image,
                digest: self.digest,
                covering_index: self.covering_index,
            },
            &found,
            &Terms {
                compare_repository: self.compare_repository,
                projects: &self.projects,
                revocations: &self.revocations,
                at: AT,
                cache,
            },
        )
    }

    fn codes(&self, occurrences: &[Occurrence]) -> Vec<ReasonCode> {
        match self.verify(&[Ok(occurrences)]) {
            AttestorOutcome::Met(_) => vec![ReasonCode::Attested],
            AttestorOutcome::NotMet(reasons) => reasons.iter().map(|r| r.code).collect(),
            AttestorOutcome::Undetermined(reasons) => panic!("undetermined: {reasons:?}"),
        }
    }
}

fn attestor(public_keys: &[&str]) -> TrustedAttestor {
    TrustedAttestor::new(&resource(public_keys))
}

fn resource(public_keys: &[&str]) -> Attestor {
    let text = r#"{"name":"projects/demo-project/attestors/built-by-ci",
        "userOwnedGrafeasNote":{"noteReference":"projects/demo-project/notes/built-by-ci"}}"#;
    let mut attestor: Attestor = serde_json::from_str(text).unwrap();
    attestor.user_owned_grafeas_note.public_keys = public_keys
        .iter()
        .map(|pem| AttestorPublicKey {
            id: None,
            comment: None,
            pkix_public_key: Some(PkixPublicKey {
                public_key_pem: (*pem).to_owned(),
                signature_algorithm: SignatureAlgorithm::EcdsaP256Sha256,
                key_id: None,
            }),
            ascii_armored_pgp_public_key: None,
        })
        .collect();
    attestor
}

fn signature(occurrence: &mut Occurrence) -> &mut Signature {
    &mut occurrence.attestation.as_mut().unwrap().signatures[0]
}

fn outage() -> Unavailable {
    Unavailable::new("registry us-docker.pkg.dev", "429 Too Many Requests")
}

#[test]
fn a_valid_attestation_is_evidence() {
    let world = World::new();
    let AttestorOutcome::Met(evidence) = world.verify(&[Ok(&[world.occurrence()])]) else {
        panic!("not met");
    };
    assert_eq!(evidence.key_id, world.key_id);
    assert_eq!(
        evidence.algorithm,
        Some(SignatureAlgorithm::EcdsaP256Sha256)
    );
    assert_eq!(
        evidence.occurrence.as_deref(),
        Some("projects/demo-project/occurrences/one")
    );
    assert_eq!(evidence.source, "registry");
}

#[test]
fn the_truth_table() {
    let world = World::new();
    let (outage, good) = (outage(), [world.occurrence()]);
    let mut forged = world.occurrence();
    signature(&mut forged).signature.0[40] ^= 1;
    let forged = [forged];
    let verdict = |found: &[Result<&[Occurrence], &Unavailable>]| match world.verify(found) {
        AttestorOutcome::Met(_) => "met",
        AttestorOutcome::NotMet(_) => "not met",
        AttestorOutcome::Undetermined(_) => "undetermined",
    };
    assert_eq!(verdict(&[Err(&outage), Ok(&good)]), "met");
    assert_eq!(verdict(&[Ok(&forged), Ok(&good)]), "met");
    assert_eq!(verdict(&[Ok(&forged), Err(&outage)]), "undetermined");
    assert_eq!(verdict(&[Ok(&[]), Err(&outage)]), "undetermined");
    assert_eq!(verdict(&[Ok(&forged), Ok(&[])]), "not met");
    assert_eq!(verdict(&[]), "not met");
    let flood = Unavailable::limit("registry us-docker.pkg.dev", "more than 32 referrers");
    assert_eq!(verdict(&[Err(&flood)]), "not met", "a flood is no outage");
    assert_eq!(verdict(&[Err(&flood), Ok(&good)]), "met");
}

/// Spoils an attestation.
type Spoil = fn(&World, &mut Occurrence);

#[test]
fn what_does_not_count() {
    let cases: [(&str, Spoil, ReasonCode); 16] = [
        (
            "bit_flipped",
            |_, o| signature(o).signature.0[40] ^= 1,
            ReasonCode::SignatureInvalid,
        ),
        (
            "cut_off",
            |_, o| signature(o).signature.0.truncate(20),
            ReasonCode::SignatureMalformed,
        ),
        (
            "empty",
            |_, o| signature(o).signature.0.clear(),
            ReasonCode::SignatureMalformed,
        ),
        (
            "huge",
            |_, o| signature(o).signature.0 = vec![0x30; 1 << 20],
            ReasonCode::SignatureMalformed,
        ),
        (
            "no_signature",
            |_, o| o.attestation.as_mut().unwrap().signatures.clear(),
            ReasonCode::SignatureMalformed,
        ),
        (
            "other_key_id",
            |_, o| signature(o).public_key_id.push('x'),
            ReasonCode::KeyUnknown,
        ),
        (
            "no_key_id",
            |_, o| signature(o).public_key_id.clear(),
            ReasonCode::KeyUnknown,
        ),
        (
            "payload_changed",
            |_, o| {
                o.attestation
                    .as_mut()
                    .unwrap()
                    .serialized_payload
                    .0
                    .push(b'\n')
            },
            ReasonCode::SignatureInvalid,
        ),
        (
            "payload_huge",
            |_, o| {
                o.attestation.as_mut().unwrap().serialized_payload.0 = vec![b' '; MAX_PAYLOAD + 1]
            },
            ReasonCode::PayloadMalformed,
        ),
        (
            "other_note",
            |_, o| o.note_name = "projects/demo-project/notes/other".parse().unwrap(),
            ReasonCode::NoAttestation,
        ),
        (
            "other_project",
            |_, o| o.note_name = "projects/222222222222/notes/built-by-ci".parse().unwrap(),
            ReasonCode::NoAttestation,
        ),
        (
            "other_kind",
            |_, o| o.kind = Some("VULNERABILITY".to_owned()),
            ReasonCode::NoAttestation,
        ),
        (
            "other_image",
            |_, o| o.resource_uri = format!("app.example/app@{}", Digest::of(b"y")),
            ReasonCode::NoAttestation,
        ),
        (
            "a_tag",
            |_, o| o.resource_uri = "app.example/app:v1".to_owned(),
            ReasonCode::NoAttestation,
        ),
        (
            "replayed",
            |w, o| {
                let other =
                    w.occurrence_of("us-docker.pkg.dev/demo-project/repo/app", Digest::of(b"y"));
                o.attestation = other.attestation;
            },
            ReasonCode::PayloadDigestMismatch,
        ),
        (
            "signed_rubbish",
            |w, o| {
                let rubbish = b"{\"critical\": {".to_vec();
                signature(o).signature.0 = w.signer.sign_at(&rubbish, AT).unwrap();
                o.attestation.as_mut().unwrap().serialized_payload.0 = rubbish;
            },
            ReasonCode::PayloadMalformed,
        ),
    ];
    for (name, spoil, code) in cases {
        let world = World::new();
        let mut occurrence = world.occurrence();
        spoil(&world, &mut occurrence);
        assert_eq!(
            world.codes(std::slice::from_ref(&occurrence)),
            [code],
            "{name}"
        );
        let both = [occurrence, world.occurrence()];
        assert_eq!(
            world.codes(&both),
            [ReasonCode::Attested],
            "{name} beside a good one"
        );
    }
}

#[test]
fn unsigned_bytes_are_not_parsed() {
    let world = World::new();
    let mut occurrence = world.occurrence();
    occurrence
        .attestation
        .as_mut()
        .unwrap()
        .serialized_payload
        .0 = b"not JSON".to_vec();
    assert_eq!(world.codes(&[occurrence]), [ReasonCode::SignatureInvalid]);
}

#[test]
fn a_project_number_is_its_id() {
    let world = World::new();
    let mut occurrence = world.occurrence();
    occurrence.note_name = "projects/111111111111/notes/built-by-ci".parse().unwrap();
    assert_eq!(world.codes(&[occurrence]), [ReasonCode::Attested]);
}

#[test]
fn the_second_signature_of_an_attestation_counts() {
    let world = World::new();
    let mut occurrence = world.occurrence();
    let signatures = &mut occurrence.attestation.as_mut().unwrap().signatures;
    let stranger = Signature {
        public_key_id: "stranger".to_owned(),
        ..signatures[0].clone()
    };
    signatures.insert(0, stranger);
    assert_eq!(world.codes(&[occurrence]), [ReasonCode::Attested]);
}

#[test]
fn the_repository_is_compared_only_where_that_is_asked_for() {
    let mut world = World::new();
    let elsewhere = world.occurrence_of("us-docker.pkg.dev/other/repo/app", world.digest);
    assert_eq!(
        world.codes(std::slice::from_ref(&elsewhere)),
        [ReasonCode::Attested]
    );
    world.compare_repository = true;
    assert_eq!(
        world.codes(&[elsewhere]),
        [ReasonCode::PayloadRepositoryMismatch]
    );
    assert_eq!(world.codes(&[world.occurrence()]), [ReasonCode::Attested]);
}

#[test]
fn an_index_covers_a_manifest_only_where_the_caller_says_so() {
    let mut world = World::new();
    let index = Digest::of(b"index");
    let of_index = world.occurrence_of("us-docker.pkg.dev/demo-project/repo/app", index);
    assert_eq!(
        world.codes(std::slice::from_ref(&of_index)),
        [ReasonCode::NoAttestation]
    );
    world.covering_index = Some(index);
    assert_eq!(world.codes(&[of_index]), [ReasonCode::Attested]);
}

#[test]
fn what_is_revoked_does_not_count() {
    let mut world = World::new();
    world.revoke("projects/demo-project/occurrences/one");
    assert_eq!(world.codes(&[world.occurrence()]), [ReasonCode::Revoked]);
    let mut copy = world.occurrence();
    copy.name = Some("projects/demo-project/occurrences/two".to_owned());
    assert_eq!(world.codes(&[copy]), [ReasonCode::Attested]);
    let key = world.key_id.clone();
    world.revoke(&key);
    assert_eq!(world.codes(&[world.occurrence()]), [ReasonCode::Revoked]);
}

#[test]
fn a_key_is_revoked_under_its_computed_id_too() {
    let mut world = World::new();
    let computed = world.key_id.clone();
    let SignerKey::Pkix(public) = world.signer.public_half().unwrap() else {
        panic!("a P-256 key is a PKIX key");
    };
    let mut resource = resource(&[&public]);
    resource.user_owned_grafeas_note.public_keys[0].id = Some("//kms.example/key/1".to_owned());
    world.attestor = TrustedAttestor::new(&resource);
    let mut occurrence = world.occurrence();
    let attestation = occurrence.attestation.as_mut().unwrap();
    attestation.signatures[0].public_key_id = "//kms.example/key/1".to_owned();
    assert_eq!(world.codes(&[occurrence.clone()]), [ReasonCode::Attested]);
    world.revoke(&computed);
    assert_eq!(world.codes(&[occurrence]), [ReasonCode::Revoked]);
}

#[test]
fn ten_thousand_signatures_are_cut_short() {
    let world = World::new();
    let mut flood = world.occurrence();
    let attestation = flood.attestation.as_mut().unwrap();
    attestation.signatures[0].signature.0[40] ^= 1;
    attestation.signatures = vec![attestation.signatures[0].clone(); 10_000];
    let codes = [
        ReasonCode::SignatureInvalid,
        ReasonCode::EvidenceLimitExceeded,
    ];
    assert_eq!(world.codes(&[flood.clone()]), codes);
    assert_eq!(
        world.codes(&[world.occurrence(), flood]),
        [ReasonCode::Attested]
    );
}

#[test]
fn strangers_signatures_do_not_use_up_the_limit() {
    let world = World::new();
    let mut flood = world.occurrence();
    let attestation = flood.attestation.as_mut().unwrap();
    attestation.signatures[0].public_key_id = "stranger".to_owned();
    attestation.signatures = vec![attestation.signatures[0].clone(); 10_000];
    assert_eq!(
        world.codes(&[flood, world.occurrence()]),
        [ReasonCode::Attested]
    );
}

#[test]
fn an_attestor_without_keys_can_never_be_met() {
    let mut world = World::new();
    let occurrence = world.occurrence();
    world.attestor = attestor(&[]);
    assert_eq!(
        world.codes(std::slice::from_ref(&occurrence)),
        [ReasonCode::AttestorWithoutKeys]
    );
    world.attestor = attestor(&["no key"]);
    assert_eq!(
        world.codes(&[occurrence]),
        [ReasonCode::KeyAlgorithmMismatch]
    );
    let outage = outage();
    assert!(matches!(
        world.verify(&[Err(&outage)]),
        AttestorOutcome::NotMet(_)
    ));
}

#[test]
fn failures_come_most_telling_first_and_say_how_many() {
    let world = World::new();
    let mut strange = world.occurrence();
    signature(&mut strange).public_key_id = "https://keys.example/old".to_owned();
    let mut forged = world.occurrence();
    signature(&mut forged).signature.0[40] ^= 1;
    let AttestorOutcome::NotMet(reasons) = world.verify(&[Ok(&[strange, forged.clone(), forged])])
    else {
        panic!("expected a denial");
    };
    insta::assert_snapshot!(readable(&world, &reasons), @r#"
    SIGNATURE_INVALID projects/demo-project/attestors/built-by-ci
      the signature does not verify: not ECDSA_P256_SHA256 by this key over these bytes, by the key KEY (2 of 3 attestations looked at)
      -> attest the image again: postern attest us-docker.pkg.dev/demo-project/repo/app@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 --attestor projects/demo-project/attestors/built-by-ci --key KEY, or gcloud beta container binauthz attestations sign-and-create --artifact-url=us-docker.pkg.dev/demo-project/repo/app@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 --attestor=built-by-ci --attestor-project=demo-project --keyversion=KEYVERSION
    KEY_UNKNOWN projects/demo-project/attestors/built-by-ci
      the signature names the key "https://keys.example/old", which the attestor does not have (1 of 3 attestations looked at)
      -> attest with one of the attestor's keys (KEY), or add yours: gcloud container binauthz attestors public-keys add --attestor=projects/demo-project/attestors/built-by-ci --pkix-public-key-file=FILE --pkix-public-key-algorithm=ALGORITHM
    "#);
}

#[test]
fn nothing_found_names_where_was_looked_and_an_outage_what_was_out() {
    let world = World::new();
    let AttestorOutcome::NotMet(reasons) = world.verify(&[Ok(&[])]) else {
        panic!()
    };
    insta::assert_snapshot!(reasons[0].message, @"no attestation of us-docker.pkg.dev/demo-project/repo/app@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 by projects/demo-project/attestors/built-by-ci was found (0 attestations looked at, in registry)");
    let outage = outage();
    let AttestorOutcome::Undetermined(reasons) = world.verify(&[Err(&outage)]) else {
        panic!()
    };
    insta::assert_snapshot!(reasons[0].message, @"attestations could not be read from registry us-docker.pkg.dev: 429 Too Many Requests");
    insta::assert_snapshot!(reasons[0].remedy.as_deref().unwrap(), @"ask again; if it stays so, check that registry us-docker.pkg.dev can be reached and read from here");
}

fn readable(world: &World, reasons: &[Reason]) -> String {
    let mut text = String::new();
    for reason in reasons {
        text.push_str(&format!(
            "{} {}\n  {}\n  -> {}\n",
            reason.code,
            reason.attestor.as_deref().unwrap(),
            reason.message,
            reason.remedy.as_deref().unwrap()
        ));
    }
    text.replace(&world.key_id, "KEY")
}

/// Remembers everything, and how often it was of use.
#[derive(Default)]
struct Memory {
    known: Mutex<HashMap<EvidenceKey, Checked>>,
    hits: Mutex<usize>,
}

impl EvidenceCache for Memory {
    fn get(&self, key: &EvidenceKey) -> Option<Checked> {
        let found = self.known.lock().unwrap().get(key).cloned();
        *self.hits.lock().unwrap() += usize::from(found.is_some());
        found
    }

    fn put(&self, key: EvidenceKey, checked: &Checked) {
        self.known.lock().unwrap().insert(key, checked.clone());
    }
}

#[test]
fn a_remembered_verification_holds_for_nothing_else() {
    let mut world = World::new();
    let memory = Memory::default();
    let occurrences = [world.occurrence()];
    let met = |world: &World, occurrences: &[Occurrence]| {
        let outcome = world.verify_with(&[Ok(occurrences)], Some(&memory));
        matches!(outcome, AttestorOutcome::Met(_))
    };
    assert!(met(&world, &occurrences) && met(&world, &occurrences));
    assert_eq!(*memory.hits.lock().unwrap(), 1);

    let mut moved = occurrences[0].clone();
    moved.resource_uri = format!("app.example/app@{}", Digest::of(b"y"));
    world.digest = Digest::of(b"y");
    assert!(!met(&world, &[moved]), "another digest");
    world.digest = Digest::of(b"x");

    let key = world.key_id.clone();
    world.revoke(&key);
    assert!(!met(&world, &occurrences), "a revoked key");
    world.revocations = Revocations::default();
    assert!(met(&world, &occurrences), "no longer revoked");

    world.compare_repository = true;
    world.image = ImageReference::parse("elsewhere.example/app:v1").unwrap();
    assert!(!met(&world, &occurrences), "other options");

    world.compare_repository = false;
    world.attestor = World::new().attestor;
    assert!(!met(&world, &occurrences), "other trust");
    assert_eq!(*memory.hits.lock().unwrap(), 2);
}

#[test]
fn what_was_verified_by_an_expiring_key_is_forgotten_in_time() {
    let verified = |valid_until| {
        Checked::Verified(Verified {
            key_id: "key".to_owned(),
            algorithm: None,
            valid_until,
        })
    };
    assert!(verified(None).holds_at(Timestamp::MAX));
    assert!(!verified(Some(AT)).holds_at(AT));
    assert!(verified(Some(Timestamp::MAX)).holds_at(AT));
}

#[test]
fn an_attestation_counts_until_it_says_itself_that_it_is_over() {
    let world = World::new();
    let until = |until: Timestamp| {
        let payload = signature_payload_until(&world.image, &world.digest, until);
        let mut occurrence = world.occurrence();
        let attestation = occurrence.attestation.as_mut().unwrap();
        attestation.signatures[0].signature = Base64(world.signer.sign_at(&payload, AT).unwrap());
        attestation.serialized_payload = Base64(payload);
        occurrence
    };
    let second = jiff::SignedDuration::from_secs(1);
    let good = until(AT + second);
    assert!(matches!(
        world.verify(&[Ok(&[good])]),
        AttestorOutcome::Met(_)
    ));
    let AttestorOutcome::NotMet(reasons) = world.verify(&[Ok(&[until(AT)])]) else {
        panic!("met");
    };
    assert_eq!(reasons[0].code, ReasonCode::AttestationExpired);
    // The end is signed: nobody moves it.
    let mut moved = until(AT);
    let attestation = moved.attestation.as_mut().unwrap();
    let later = signature_payload_until(&world.image, &world.digest, AT + second);
    attestation.serialized_payload = Base64(later);
    assert!(matches!(
        world.verify(&[Ok(&[moved])]),
        AttestorOutcome::NotMet(_)
    ));
}
