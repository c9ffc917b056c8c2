//! What is timed against each other.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use postern_core::attestor::{ProjectNumbers, SignatureAlgorithm};
use postern_core::policy::{Demand, conclude, route};
use postern_core::reason::Verdict;
use postern_core::request::{DeployRequest, RequestedImage};
use postern_core::revocation::Revocations;
use postern_core::target::Target;
use postern_gate::{Asked, Gate};
use postern_host::auth::Identity;
use postern_verify::{
    Checked, EvidenceCache, EvidenceKey, Found, PkixKey, Subject, Terms, TrustedAttestor,
    verify_attestor,
};
use tokio::runtime::Runtime;

use crate::memory::Memory;
use crate::sample::Sample;

/// Something that is timed.
pub(crate) struct Contender<'a> {
    pub(crate) name: &'static str,
    /// How long so many runs take.
    pub(crate) time: Box<dyn FnMut(u64) -> Duration + 'a>,
}

/// Every contender; the bare signature check is first.
pub(crate) fn all(sample: &Sample) -> Vec<Contender<'_>> {
    vec![
        signature(sample),
        judgement(sample),
        remembered(sample),
        gate(sample),
        warm_gate(sample),
        second_opinion(sample),
    ]
}

/// The floor: one verification by a parsed key.
fn signature(sample: &Sample) -> Contender<'_> {
    let key = PkixKey::from_pem(&sample.public_key, sample.algorithm).unwrap();
    repeated("signature", move || {
        key.verify(black_box(&sample.payload), black_box(&sample.signature))
            .unwrap();
    })
}

/// From policy, attestor and occurrence to a verdict, with nothing remembered.
fn judgement(sample: &Sample) -> Contender<'_> {
    let attestor = TrustedAttestor::new(&sample.attestor);
    repeated("judgement", move || judge(sample, &attestor, None))
}

/// The same, with the blob's verification remembered.
fn remembered(sample: &Sample) -> Contender<'_> {
    let attestor = TrustedAttestor::new(&sample.attestor);
    let cache = Remembered::default();
    repeated("judgement, remembered", move || {
        judge(sample, &attestor, Some(&cache));
    })
}

fn judge(sample: &Sample, attestor: &TrustedAttestor, cache: Option<&dyn EvidenceCache>) {
    let image = black_box(&sample.image);
    let ruling = route(&sample.policy, None, &Target::any_cloud_run(), image);
    let Demand::RequireAttestation(names) = &ruling.demand else {
        unreachable!("the sample's policy requires an attestation");
    };
    let subject = Subject {
        image,
        digest: image.digest().unwrap(),
        covering_index: None,
    };
    let found = [Found {
        source: "memory",
        occurrences: Ok(std::slice::from_ref(&sample.occurrence)),
    }];
    let terms = Terms {
        compare_repository: false,
        projects: &ProjectNumbers::default(),
        revocations: &Revocations::default(),
        at: Timestamp::UNIX_EPOCH,
        cache,
    };
    let outcome = verify_attestor(attestor, &subject, &found, &terms);
    let outcomes = BTreeMap::from([(names[0].clone(), outcome)]);
    let conclusion = conclude(&ruling, image, &outcomes);
    assert_eq!(conclusion.verdict, Verdict::Conformant);
}

/// The whole gate over ports in memory, which has never seen the image.
fn gate(sample: &Sample) -> Contender<'_> {
    let (runtime, memory, request) = around_a_gate(sample);
    let time = move |runs| {
        let mut taken = Duration::ZERO;
        for _ in 0..runs {
            let gate = memory.gate();
            let start = Instant::now();
            decide(&runtime, &gate, &request);
            taken += start.elapsed();
        }
        taken
    };
    Contender {
        name: "gate",
        time: Box::new(time),
    }
}

/// The whole gate, which has decided on the image before.
fn warm_gate(sample: &Sample) -> Contender<'_> {
    let (runtime, memory, request) = around_a_gate(sample);
    let gate = memory.gate();
    repeated("gate, remembered", move || {
        decide(&runtime, &gate, &request);
    })
}

fn around_a_gate(sample: &Sample) -> (Runtime, Arc<Memory>, DeployRequest) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let image = RequestedImage {
        image: sample.image.to_string(),
        container: String::new(),
        target: Target::any_cloud_run(),
    };
    let request = DeployRequest {
        images: vec![image],
        ..DeployRequest::default()
    };
    (runtime, Memory::of(sample), request)
}

fn decide(runtime: &Runtime, gate: &Gate, request: &DeployRequest) {
    let decision = runtime.block_on(async {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        let asked = Asked::now(Timestamp::UNIX_EPOCH, deadline);
        gate.decide(request, &Identity::local(), asked).await
    });
    assert!(decision.unwrap().allowed);
}

/// The same verification by the implementation that the tests compare with.
fn second_opinion(sample: &Sample) -> Contender<'_> {
    const NAME: &str = "signature, by RustCrypto";
    match sample.algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => {
            use p256::ecdsa::signature::Verifier as _;
            use p256::ecdsa::{Signature, VerifyingKey};
            use p256::pkcs8::DecodePublicKey as _;
            let key = VerifyingKey::from_public_key_pem(&sample.public_key).unwrap();
            repeated(NAME, move || {
                let signature = Signature::from_der(black_box(&sample.signature)).unwrap();
                key.verify(black_box(&sample.payload), &signature).unwrap();
            })
        }
        _ => {
            use rsa::pkcs1v15::{Signature, VerifyingKey};
            use rsa::pkcs8::DecodePublicKey as _;
            use rsa::sha2::Sha512;
            use rsa::signature::Verifier as _;
            let key = rsa::RsaPublicKey::from_public_key_pem(&sample.public_key).unwrap();
            let key = VerifyingKey::<Sha512>::new(key);
            repeated(NAME, move || {
                let signature = Signature::try_from(black_box(&sample.signature[..])).unwrap();
                key.verify(black_box(&sample.payload), &signature).unwrap();
            })
        }
    }
}

fn repeated<'a>(name: &'static str, mut run: impl FnMut() + 'a) -> Contender<'a> {
    let time = move |runs| {
        let start = Instant::now();
        for _ in 0..runs {
            run();
        }
        start.elapsed()
    };
    Contender {
        name,
        time: Box::new(time),
    }
}

/// The plainest cache there is, so that what is timed is the key and the look-up.
#[derive(Default)]
struct Remembered(Mutex<HashMap<EvidenceKey, Checked>>);

impl EvidenceCache for Remembered {
    fn get(&self, key: &EvidenceKey) -> Option<Checked> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn put(&self, key: EvidenceKey, checked: &Checked) {
        self.0.lock().unwrap().insert(key, checked.clone());
    }
}
