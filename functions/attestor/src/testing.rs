//! Stand-ins for the outside world. Keys are synthetic: a curve point of a repeated byte.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use p256::SecretKey;
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use postern_core::attestor::{
    Attestor, AttestorName, AttestorPublicKey, NoteName, PkixPublicKey, SignatureAlgorithm,
    UserOwnedGrafeasNote,
};
use postern_core::entry::{Entry, Record, Signing};
use postern_core::image::ImageReference;
use postern_core::occurrence::Occurrence;
use postern_core::ports::{
    AttestationSink, AttestationSource, Journal, RevocationList, Signer, SignerKey, SourcedPolicy,
    Stored, TrustMaterial, Unavailable,
};
use postern_core::revocation::Revocations;
use postern_host::config;
use postern_verify::signer::SoftwareSigner;

use crate::rule::SignerFor;

pub(crate) fn at() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

pub(crate) fn image() -> ImageReference {
    let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    let name = format!("us-docker.pkg.dev/demo-project/repo/app@sha256:{digest}");
    ImageReference::parse(&name).unwrap()
}

/// A P-256 key that is the same in every run.
#[derive(Clone)]
pub(crate) struct Key(SecretKey);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SecretKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
    }

    pub(crate) fn signer(&self) -> TestSigner {
        TestSigner {
            public: self.software(),
            private: Some(self.software()),
        }
    }

    pub(crate) fn signer_for(&self) -> Box<SignerFor> {
        let key = self.clone();
        Box::new(move |_| Ok(Arc::new(key.signer())))
    }

    fn software(&self) -> SoftwareSigner {
        SoftwareSigner::from_pem(&self.pem(), None, None).unwrap()
    }

    fn public(&self) -> AttestorPublicKey {
        AttestorPublicKey {
            id: None,
            comment: None,
            pkix_public_key: Some(PkixPublicKey {
                public_key_pem: self
                    .0
                    .public_key()
                    .to_public_key_pem(LineEnding::LF)
                    .unwrap(),
                signature_algorithm: SignatureAlgorithm::EcdsaP256Sha256,
                key_id: None,
            }),
            ascii_armored_pgp_public_key: None,
        }
    }
}

/// A signer that may say one key and use another, or none.
pub(crate) struct TestSigner {
    public: SoftwareSigner,
    private: Option<SoftwareSigner>,
}

impl TestSigner {
    pub(crate) fn answering(self, other: Self) -> Self {
        Self {
            private: other.private,
            ..self
        }
    }

    pub(crate) fn dead(self) -> Self {
        Self {
            private: None,
            ..self
        }
    }
}

#[async_trait]
impl Signer for TestSigner {
    async fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, Unavailable> {
        match &self.private {
            Some(signer) => signer.sign(payload).await,
            None => Err(outage("KMS")),
        }
    }

    async fn public_key(&self) -> Result<SignerKey, Unavailable> {
        self.public.public_key().await
    }
}

pub(crate) fn outage(what: &str) -> Unavailable {
    Unavailable::new(what, "connection refused")
}

pub(crate) fn attestor(id: &str, keys: &[&Key]) -> Attestor {
    let project = "demo-project".to_owned();
    Attestor {
        name: AttestorName {
            project: project.clone(),
            id: id.to_owned(),
        },
        description: None,
        user_owned_grafeas_note: UserOwnedGrafeasNote {
            note_reference: NoteName {
                project,
                id: id.to_owned(),
            },
            public_keys: keys.iter().map(|key| key.public()).collect(),
            delegation_service_account_email: None,
        },
        etag: None,
        update_time: None,
    }
}

pub(crate) fn rule_config(attestor: &str) -> config::Signer {
    config::Signer {
        attestor: format!("projects/demo-project/attestors/{attestor}")
            .parse()
            .unwrap(),
        key: "env:KEY".to_owned(),
        callers: vec!["ci@demo.example".to_owned()],
        repositories: vec!["us-docker.pkg.dev/demo-project/**".to_owned()],
        requires: Vec::new(),
        to: None,
    }
}

/// Everything outside, in memory. Each part can be taken away.
#[derive(Default)]
pub(crate) struct Sink {
    stored: Mutex<Vec<Occurrence>>,
    dead: bool,
}

impl Sink {
    pub(crate) fn dead() -> Self {
        Self {
            dead: true,
            ..Self::default()
        }
    }

    pub(crate) fn stored(&self) -> Vec<Occurrence> {
        self.stored.lock().unwrap().clone()
    }
}

#[async_trait]
impl AttestationSink for Sink {
    async fn store(&self, mut occurrence: Occurrence) -> Result<Stored, Unavailable> {
        if self.dead {
            return Err(outage("store"));
        }
        let mut stored = self.stored.lock().unwrap();
        let same = stored.iter().find(|there| {
            there.resource_uri == occurrence.resource_uri && there.note_name == occurrence.note_name
        });
        if let Some(there) = same {
            return Ok(Stored::AlreadyThere(there.clone()));
        }
        occurrence.name = Some(format!(
            "projects/demo-project/occurrences/{}",
            stored.len()
        ));
        stored.push(occurrence.clone());
        Ok(Stored::Created(occurrence))
    }
}

#[async_trait]
impl AttestationSource for Sink {
    fn name(&self) -> &str {
        "store"
    }

    async fn occurrences(
        &self,
        _: &ImageReference,
        _: &NoteName,
    ) -> Result<Vec<Occurrence>, Unavailable> {
        if self.dead {
            return Err(outage("store"));
        }
        Ok(self.stored())
    }
}

/// Attestors by name.
pub(crate) struct Trust(pub(crate) Vec<Attestor>);

#[async_trait]
impl TrustMaterial for Trust {
    async fn policy(&self, _: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable> {
        Ok(None)
    }

    async fn attestor(&self, name: &AttestorName) -> Result<Option<Attestor>, Unavailable> {
        Ok(self
            .0
            .iter()
            .find(|attestor| attestor.name == *name)
            .cloned())
    }
}

/// A revocation list that never changes.
pub(crate) struct Revoked(pub(crate) Revocations);

#[async_trait]
impl RevocationList for Revoked {
    async fn revocations(&self) -> Result<Revocations, Unavailable> {
        Ok(self.0.clone())
    }
}

/// A journal of signings.
#[derive(Default)]
pub(crate) struct Records {
    entries: Mutex<Vec<Entry>>,
    dead: bool,
}

impl Records {
    pub(crate) fn dead() -> Self {
        Self {
            dead: true,
            ..Self::default()
        }
    }

    pub(crate) fn signings(&self) -> Vec<Signing> {
        let entries = self.entries.lock().unwrap().clone();
        let signings = entries.into_iter().map(|entry| match entry.record {
            Record::Signing(signing) => signing,
            other => panic!("{other:?}"),
        });
        signings.collect()
    }
}

#[async_trait]
impl Journal for Records {
    async fn append(&self, entries: Vec<Entry>) -> Result<(), Unavailable> {
        if self.dead {
            return Err(outage("journal"));
        }
        self.entries.lock().unwrap().extend(entries);
        Ok(())
    }
}
