//! All that is found for an image, judged for one attestor: rubbish never counts, and never is
//! taken for an outage.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use postern_core::attestor::ProjectNumbers;
use postern_core::evidence::AttestorOutcome;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::Occurrence;
use postern_core::revocation::Revocations;
use postern_verify::{Found, Subject, Terms, TrustedAttestor, verify_attestor};

static ATTESTOR: LazyLock<TrustedAttestor> = LazyLock::new(|| {
    let attestor = serde_json::from_str(include_str!("../fixtures/attestor.json")).unwrap();
    TrustedAttestor::new(&attestor)
});
static IMAGE: LazyLock<ImageReference> =
    LazyLock::new(|| ImageReference::parse("us-docker.pkg.dev/demo-project/repo/app").unwrap());

fuzz_target!(|bytes: &[u8]| {
    let Ok(occurrences) = serde_json::from_slice::<Vec<Occurrence>>(bytes) else {
        return;
    };
    let subject = Subject {
        image: &IMAGE,
        // The hash of the input: nobody has signed it.
        digest: Digest::of(bytes),
        covering_index: None,
    };
    let found = [Found {
        source: "fuzz",
        occurrences: Ok(&occurrences),
    }];
    let terms = Terms {
        compare_repository: false,
        projects: &ProjectNumbers::default(),
        revocations: &Revocations::default(),
        at: Timestamp::from_second(1_900_000_000).unwrap(),
        cache: None,
    };
    let outcome = verify_attestor(&ATTESTOR, &subject, &found, &terms);
    assert!(matches!(outcome, AttestorOutcome::NotMet(_)), "{outcome:?}");
});
