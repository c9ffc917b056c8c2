//! A store in memory, and calls as clients make them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use postern_core::decision::Caller;
use postern_core::entry::Entry;
use postern_core::ports::{
    KeyUse, KeyVault, OccurrenceWrite, OccurrencesOf, Resource, ResourceStore, ResourceWrite,
    RevocationList, SealedKey, Unavailable, Wrote,
};
use postern_core::revocation::Revocations;
use postern_host::auth::Identity;
use postern_verify::Vault;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::trust::{Trust, TrustParts};

#[derive(Default)]
pub(crate) struct Kept {
    resources: BTreeMap<String, (String, Resource)>,
    occurrences: BTreeMap<String, Value>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) outage: bool,
    pub(crate) revocations: Revocations,
}

#[derive(Default)]
pub(crate) struct MemoryStore(Mutex<Kept>);

impl MemoryStore {
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// What is kept of all resources, as text.
    pub(crate) fn bodies(&self) -> String {
        self.with(|kept| {
            let bodies = kept.resources.values();
            bodies
                .map(|(_, resource)| resource.body.to_string())
                .collect()
        })
    }

    fn read<T>(&self, read: impl FnOnce(&mut Kept) -> T) -> Result<T, Unavailable> {
        self.with(|kept| match kept.outage {
            true => Err(Unavailable::new("store", "is down")),
            false => Ok(read(kept)),
        })
    }
}

#[async_trait]
impl ResourceStore for MemoryStore {
    async fn resource(&self, name: &str) -> Result<Option<Resource>, Unavailable> {
        self.read(|kept| {
            kept.resources
                .get(name)
                .map(|(_, resource)| resource.clone())
        })
    }

    async fn resources(
        &self,
        collection: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Resource>, Unavailable> {
        self.read(|kept| {
            let of = kept.resources.values().filter(|(of, _)| of == collection);
            let behind = of
                .map(|(_, resource)| resource)
                .filter(|resource| *resource.name > *after);
            behind.take(limit as usize).cloned().collect()
        })
    }

    async fn write_resources(
        &self,
        writes: Vec<ResourceWrite>,
        at: Timestamp,
        entry: Entry,
    ) -> Result<Wrote, Unavailable> {
        self.read(|kept| {
            for write in &writes {
                let there = kept.resources.get(&write.name);
                if there.map_or(0, |(_, resource)| resource.revision) != write.expected {
                    return Wrote::Stale;
                }
            }
            for write in writes {
                let there = kept.resources.remove(&write.name);
                let created = there.map_or(at, |(_, resource)| resource.created);
                if let Some(body) = write.body {
                    let resource = Resource {
                        name: write.name.clone(),
                        revision: write.expected + 1,
                        created,
                        updated: at,
                        body,
                    };
                    kept.resources
                        .insert(write.name, (write.collection, resource));
                }
            }
            kept.entries.push(entry);
            Wrote::Written
        })
    }

    async fn occurrence(&self, name: &str) -> Result<Option<Value>, Unavailable> {
        self.read(|kept| kept.occurrences.get(name).cloned())
    }

    async fn occurrences(
        &self,
        of: &OccurrencesOf,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, Value)>, Unavailable> {
        self.read(|kept| {
            let is_of = |(name, body): &(&String, &Value)| match of {
                OccurrencesOf::Project(project) => {
                    name.starts_with(&format!("projects/{project}/"))
                }
                OccurrencesOf::Note(note) => body["noteName"] == note.to_string(),
            };
            let behind = kept
                .occurrences
                .iter()
                .filter(|(name, _)| ***name > *after)
                .filter(is_of);
            let owned = behind.map(|(name, body)| (name.clone(), body.clone()));
            owned.take(limit as usize).collect()
        })
    }

    async fn write_occurrences(
        &self,
        writes: Vec<OccurrenceWrite>,
        _: Timestamp,
        entry: Entry,
    ) -> Result<Wrote, Unavailable> {
        self.read(|kept| {
            for write in writes {
                match write.body {
                    Some(body) => kept.occurrences.insert(write.name, body),
                    None => kept.occurrences.remove(&write.name),
                };
            }
            kept.entries.push(entry);
            Wrote::Written
        })
    }
}

#[async_trait]
impl RevocationList for MemoryStore {
    async fn revocations(&self) -> Result<Revocations, Unavailable> {
        self.read(|kept| kept.revocations.clone())
    }
}

/// The vault as it is, without threads of its own.
struct TestVault(Vault);

#[async_trait]
impl KeyVault for TestVault {
    async fn make(&self, key: KeyUse<'_>) -> Result<SealedKey, Unavailable> {
        let made = self.0.make(key);
        made.map_err(|error| Unavailable::permanent("vault", error))
    }

    async fn sign(
        &self,
        key: KeyUse<'_>,
        sealed: &SealedKey,
        digest: &[u8],
    ) -> Result<Vec<u8>, Unavailable> {
        let signed = self.0.sign(key, sealed, digest);
        signed.map_err(|error| Unavailable::permanent("vault", error))
    }
}

/// The function over a store in memory, with `user:owner@example.com` as its owner.
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    trust: Arc<Trust>,
    clock: Arc<Mutex<Timestamp>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let vault = Vault::new(&"0123456789abcdef".repeat(4)).unwrap();
        Self::with_vault(Some(Arc::new(TestVault(vault))))
    }

    pub(crate) fn with_vault(vault: Option<Arc<dyn KeyVault>>) -> Self {
        let store = Arc::new(MemoryStore::default());
        let start = "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap();
        let clock = Arc::new(Mutex::new(start));
        let ticking = Arc::clone(&clock);
        let parts = TrustParts {
            store: store.clone(),
            vault,
            revocations: store.clone(),
            owners: vec!["user:owner@example.com".to_owned()],
            numbers: Default::default(),
        };
        // Every look at the clock is a second later.
        let trust = Trust::new(parts).with_clock(move || {
            let mut now = ticking.lock().unwrap();
            *now += jiff::SignedDuration::from_secs(1);
            *now
        });
        Self {
            store,
            trust: Arc::new(trust),
            clock,
        }
    }

    /// Lets so many days pass.
    pub(crate) fn pass_days(&self, days: i64) {
        *self.clock.lock().unwrap() += jiff::SignedDuration::from_hours(24 * days);
    }

    /// A call by whoever reaches the listener on loopback.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        self.call_as(Identity::local(), method, path, body).await
    }

    /// A call by somebody with a token.
    pub(crate) async fn call_by(
        &self,
        email: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let caller = Caller {
            issuer: "https://issuer.example".to_owned(),
            subject: "1".to_owned(),
            email: Some(email.to_owned()),
        };
        self.call_as(Identity::with_rights(caller, &[]), method, path, body)
            .await
    }

    async fn call_as(
        &self,
        identity: Identity,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let body = match body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .extension(identity);
        let router = crate::router(Arc::clone(&self.trust));
        let answer = router.oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// A call that must succeed.
    pub(crate) async fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{method} {path}: {answer}");
        answer
    }

    /// The canonical code and the message of a call that must not.
    pub(crate) async fn refused(&self, method: &str, path: &str, body: &Value) -> (String, String) {
        let (status, answer) = self.call(method, path, body).await;
        assert!(!status.is_success(), "{method} {path}: {answer}");
        assert_eq!(answer["error"]["code"], status.as_u16());
        let text = |key: &str| answer["error"][key].as_str().unwrap().to_owned();
        (text("status"), text("message"))
    }
}
