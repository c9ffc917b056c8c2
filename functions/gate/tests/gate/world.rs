//! A gate whose outside world is in the test's hand. The ports are stand-ins; keys, signatures,
//! policy and the router are real.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, StatusCode};
use jiff::Timestamp;
use postern_core::attestor::{Attestor, AttestorName, NoteName};
use postern_core::bytes::Base64;
use postern_core::decision::{Caller, Decision};
use postern_core::entry::{Entry, Record};
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::{ATTESTATION, Attestation, Occurrence, Signature};
use postern_core::payload::signature_payload;
use postern_core::policy::Policy;
use postern_core::ports::{
    AttestationSource, BreakGlassUses, EmergencySpool, ImageResolver, Journal, ResolvedImage,
    RevocationList, SourcedPolicy, TrustMaterial, Unavailable,
};
use postern_core::revocation::{Revocation, Revocations, Revoked};
use postern_gate::{DecisionObserver, Gate, GateOptions, GateParts};
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_verify::signer::{SoftwareSigner, generate_p256};
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const ATTESTOR: &str = "projects/demo-project/attestors/built-by-ci";
pub(crate) const NOTE: &str = "projects/demo-project/notes/built-by-ci";
pub(crate) const NAME: &str = "us-docker.pkg.dev/demo-project/repo/app";

/// How a port behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Works,
    Dead,
    /// Never answers.
    Hangs,
}

pub(crate) struct World {
    pub(crate) policy: Option<Policy>,
    pub(crate) attestors: Vec<Attestor>,
    pub(crate) occurrences: Vec<Occurrence>,
    /// What tags stand for: the digest, and the manifests of an index.
    pub(crate) images: Vec<(String, ResolvedImage)>,
    pub(crate) revocations: Vec<Revocation>,
    pub(crate) registry: Port,
    pub(crate) source: Port,
    pub(crate) trust: Port,
    pub(crate) journal: Port,
    pub(crate) revocation_list: Port,
    pub(crate) uses: u32,
    pub(crate) entries: Vec<Entry>,
    pub(crate) spooled: Vec<Entry>,
    pub(crate) told: Vec<String>,
    signer: SoftwareSigner,
}

#[derive(Clone)]
pub(crate) struct Shared {
    world: Arc<Mutex<World>>,
    pub(crate) fetches: Arc<AtomicUsize>,
    pub(crate) resolves: Arc<AtomicUsize>,
}

pub(crate) fn image(digest: Digest) -> ImageReference {
    ImageReference::parse(&format!("{NAME}@{digest}")).unwrap()
}

impl Shared {
    /// A policy that requires one attestor, whose key is new, and an image `v1` without
    /// attestations.
    pub(crate) fn new() -> Self {
        let (private, public) = generate_p256().unwrap();
        let attestor = serde_json::json!({"name": ATTESTOR, "userOwnedGrafeasNote":
            {"noteReference": NOTE, "publicKeys": [{"pkixPublicKey":
                {"publicKeyPem": public, "signatureAlgorithm": "ECDSA_P256_SHA256"}}]}});
        let policy = format!(
            "defaultAdmissionRule:\n  evaluationMode: REQUIRE_ATTESTATION\n  \
             enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG\n  requireAttestationsBy: [{ATTESTOR}]\n"
        );
        let world = World {
            policy: Some(Policy::parse(&policy).unwrap()),
            attestors: vec![serde_json::from_value(attestor).unwrap()],
            occurrences: Vec::new(),
            images: vec![(
                "v1".to_owned(),
                ResolvedImage {
                    digest: digest(),
                    children: vec![],
                },
            )],
            revocations: Vec::new(),
            registry: Port::Works,
            source: Port::Works,
            trust: Port::Works,
            journal: Port::Works,
            revocation_list: Port::Works,
            uses: 0,
            entries: Vec::new(),
            spooled: Vec::new(),
            told: Vec::new(),
            signer: SoftwareSigner::from_pem(&private, None, None).unwrap(),
        };
        Self {
            world: Arc::new(Mutex::new(world)),
            fetches: Arc::default(),
            resolves: Arc::default(),
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut World)) -> &Self {
        change(&mut self.world.lock().unwrap());
        self
    }

    pub(crate) fn see<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.lock().unwrap())
    }

    /// Attests a digest with the attestor's key.
    pub(crate) fn attest(&self, digest: Digest) -> &Self {
        self.change(|world| {
            let occurrence = world.occurrence(digest);
            world.occurrences.push(occurrence);
        })
    }

    pub(crate) fn gate(&self, options: GateOptions) -> Arc<Gate> {
        let port = Arc::new(self.clone());
        let parts = GateParts {
            trust: port.clone(),
            resolver: port.clone(),
            sources: vec![port.clone()],
            revocations: port.clone(),
            journal: port.clone(),
            uses: port.clone(),
            spool: port.clone(),
            observer: port,
        };
        Arc::new(Gate::new(parts, options))
    }

    /// Sends one request through the real router, as a caller with every right.
    pub(crate) async fn ask(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask_as(GateOptions::default(), Identity::local(), path, body)
            .await
    }

    pub(crate) async fn ask_as(
        &self,
        options: GateOptions,
        identity: Identity,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        send(
            postern_gate::router(self.gate(options)),
            identity,
            path,
            body,
        )
        .await
    }
}

pub(crate) async fn send(
    router: axum::Router,
    identity: Identity,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .extension(identity)
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

/// A caller with these rights.
pub(crate) fn caller(rights: &[Right]) -> Identity {
    let caller = Caller {
        issuer: "https://accounts.google.com".to_owned(),
        subject: "1".to_owned(),
        email: Some("ci@demo-project.iam.gserviceaccount.com".to_owned()),
    };
    Identity::with_rights(caller, rights)
}

/// The digest of the image `v1`.
pub(crate) fn digest() -> Digest {
    Digest::of(b"the first image")
}

pub(crate) fn revocation(what: Revoked) -> Revocation {
    Revocation {
        what,
        reason: "leaked key".to_owned(),
        by: "sec@example.com".to_owned(),
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
    }
}

/// The codes of every reason of every image.
pub(crate) fn codes(decision: &Value) -> Vec<&str> {
    let images = decision["images"].as_array().unwrap().iter();
    images
        .flat_map(|image| image["reasons"].as_array().unwrap())
        .chain(decision["reasons"].as_array().into_iter().flatten())
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

impl World {
    pub(crate) fn occurrence(&self, digest: Digest) -> Occurrence {
        let payload = signature_payload(&image(digest), &digest);
        let signature = self
            .signer
            .sign_at(&payload, Timestamp::UNIX_EPOCH)
            .unwrap();
        let trusted = postern_verify::TrustedAttestor::new(&self.attestors[0]);
        Occurrence {
            name: Some(format!(
                "projects/demo-project/occurrences/{}",
                &digest.hex()[..8]
            )),
            kind: Some(ATTESTATION.to_owned()),
            note_name: NOTE.parse().unwrap(),
            resource_uri: image(digest).to_string(),
            attestation: Some(Attestation {
                serialized_payload: Base64(payload),
                signatures: vec![Signature {
                    public_key_id: trusted.keys()[0].id().to_owned(),
                    signature: Base64(signature),
                }],
            }),
            create_time: None,
        }
    }
}

async fn answer<T>(port: Port, value: T) -> Result<T, Unavailable> {
    match port {
        Port::Works => Ok(value),
        Port::Dead => Err(Unavailable::new("the port", "connection refused")),
        Port::Hangs => std::future::pending().await,
    }
}

#[async_trait]
impl ImageResolver for Shared {
    async fn resolve(&self, image: &ImageReference) -> Result<Option<ResolvedImage>, Unavailable> {
        self.resolves.fetch_add(1, Ordering::SeqCst);
        let (port, found) = self.see(|world| {
            let known = world
                .images
                .iter()
                .find(|(tag, resolved)| match image.digest() {
                    Some(digest) => resolved.digest == digest,
                    None => image.tag() == Some(tag),
                });
            (world.registry, known.map(|(_, resolved)| resolved.clone()))
        });
        answer(port, found).await
    }
}

#[async_trait]
impl AttestationSource for Shared {
    fn name(&self) -> &str {
        "the source"
    }

    async fn occurrences(
        &self,
        _: &ImageReference,
        _: &NoteName,
    ) -> Result<Vec<Occurrence>, Unavailable> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let (port, found) = self.see(|world| (world.source, world.occurrences.clone()));
        answer(port, found).await
    }
}

#[async_trait]
impl TrustMaterial for Shared {
    async fn policy(&self, _: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable> {
        let (port, policy) = self.see(|world| (world.trust, world.policy.clone()));
        let name = "projects/demo-project/policy".to_owned();
        answer(port, policy.map(|policy| SourcedPolicy { name, policy })).await
    }

    async fn attestor(&self, name: &AttestorName) -> Result<Option<Attestor>, Unavailable> {
        let found = |world: &World| world.attestors.iter().find(|a| a.name == *name).cloned();
        let (port, attestor) = self.see(|world| (world.trust, found(world)));
        answer(port, attestor).await
    }
}

#[async_trait]
impl RevocationList for Shared {
    async fn revocations(&self) -> Result<Revocations, Unavailable> {
        let (port, list) = self.see(|world| (world.revocation_list, world.revocations.clone()));
        answer(port, Revocations::new(list)).await
    }
}

#[async_trait]
impl Journal for Shared {
    async fn append(&self, entries: Vec<Entry>) -> Result<(), Unavailable> {
        answer(self.see(|world| world.journal), ()).await?;
        self.change(|world| world.entries.extend(entries));
        Ok(())
    }
}

#[async_trait]
impl BreakGlassUses for Shared {
    async fn break_glass_uses(&self, _: &str, _: Timestamp) -> Result<u32, Unavailable> {
        answer(
            self.see(|world| world.journal),
            self.see(|world| world.uses),
        )
        .await
    }
}

#[async_trait]
impl EmergencySpool for Shared {
    async fn record(&self, entry: &Entry) -> Result<(), Unavailable> {
        self.change(|world| world.spooled.push(entry.clone()));
        Ok(())
    }
}

#[async_trait]
impl DecisionObserver for Shared {
    async fn decided(&self, decision: &Decision) {
        self.change(|world| world.told.push(decision.id.clone()));
    }
}

/// The one decision of an entry.
pub(crate) fn recorded(entry: &Entry) -> &Decision {
    match &entry.record {
        Record::Decision(decision) => decision,
        other => panic!("no decision: {other:?}"),
    }
}
