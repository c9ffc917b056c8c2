//! Synthetic values for tests.

use jiff::Timestamp;
use postern_core::bytes::Base64;
use postern_core::case::Case;
use postern_core::decision::{
    ApiVersion, BreakGlass, BreakGlassSource, Caller, Decision, DecisionKind, EnforcementMode,
    ImageDecision,
};
use postern_core::entry::{Entry, Record};
use postern_core::finding::{Actor, Category, Finding, FindingKind, FindingSource, Severity};
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::{ATTESTATION, Attestation, Occurrence, Signature};
use postern_core::reason::Verdict;
use postern_core::revocation::{Revocation, Revoked};
use postern_core::target::Target;
use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;

use crate::store::Store;

/// Where a PostgreSQL server is to be tested with: its URL (`tests/tools/postgres run …`).
const SERVER: &str = "POSTERN_TEST_POSTGRES";

/// A new store: SQLite in a directory of its own or, where a server is named, a database of its own.
pub(crate) async fn store() -> (Store, TempDir) {
    let Ok(server) = std::env::var(SERVER) else {
        return sqlite().await;
    };
    let store = Store::open(&database(&server).await).await.unwrap();
    (store, tempfile::tempdir().unwrap())
}

/// As [`store`], and always SQLite.
pub(crate) async fn sqlite() -> (Store, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open_data(directory.path()).await.unwrap();
    (store, directory)
}

/// Takes away what guards the journal, as who owns the database can.
pub(crate) async fn disarm(store: &Store) {
    let pool = store.writer().await.unwrap().pool();
    let of_sqlite = "DROP TRIGGER entries_are_not_changed; DROP TRIGGER entries_are_not_deleted";
    let of_postgres = "ALTER TABLE entries DISABLE TRIGGER USER";
    if pool.execute(of_postgres).await.is_err() {
        pool.execute(of_sqlite).await.unwrap();
    }
}

/// Makes a database and returns its URL.
async fn database(server: &str) -> String {
    let name = format!("test_{}", ulid::Ulid::new()).to_lowercase();
    let mut owner = sqlx::PgConnection::connect(server).await.unwrap();
    let create = format!("CREATE DATABASE {name}");
    sqlx::query(sqlx::AssertSqlSafe(create))
        .execute(&mut owner)
        .await
        .unwrap();
    let mut url: url::Url = server.parse().unwrap();
    url.set_path(&name);
    url.into()
}

pub(crate) fn now() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

pub(crate) fn digest() -> Digest {
    Digest::of(b"synthetic image")
}

pub(crate) fn image() -> ImageReference {
    let name = format!("us-docker.pkg.dev/demo-project/repo/app@{}", digest());
    ImageReference::parse(&name).unwrap()
}

pub(crate) fn revocation_entry(id: &str, reason: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        at: now(),
        record: Record::Revocation(Revocation {
            what: Revoked::Key("key-1".to_owned()),
            reason: reason.to_owned(),
            by: "alice".to_owned(),
            at: now(),
        }),
    }
}

pub(crate) fn decision_entry(id: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        at: now(),
        record: Record::Decision(Box::new(decision(id))),
    }
}

pub(crate) fn decision(id: &str) -> Decision {
    Decision {
        api_version: ApiVersion::V1,
        kind: DecisionKind::Decision,
        id: id.to_owned(),
        decided_at: now(),
        allowed: true,
        verdict: Verdict::Conformant,
        enforcement: EnforcementMode::Enforced,
        retryable: false,
        break_glass: None,
        caller: None,
        requester: None,
        target: Target::any_cloud_run(),
        policy: None,
        images: vec![ImageDecision {
            image: image().to_string(),
            resolved: Some(image()),
            children: Vec::new(),
            target: Target::any_cloud_run(),
            verdict: Verdict::Conformant,
            enforcement: EnforcementMode::Enforced,
            rule: Some("defaultAdmissionRule".to_owned()),
            reasons: Vec::new(),
            evidence: Vec::new(),
        }],
        reasons: Vec::new(),
        warnings: Vec::new(),
    }
}

pub(crate) fn break_glass() -> BreakGlass {
    BreakGlass {
        justification: Some("INC-1 synthetic".to_owned()),
        ticket: Some("INC-1".to_owned()),
        source: BreakGlassSource::Request,
        overrode: Verdict::NonConformant,
        over_quota: false,
    }
}

pub(crate) fn caller(email: &str) -> Caller {
    Caller {
        issuer: "https://issuer.example".to_owned(),
        subject: "1".to_owned(),
        email: Some(email.to_owned()),
    }
}

pub(crate) fn case(id: &str, revision: u64) -> Case {
    Case {
        revision,
        ..Case::new(id, Category::BreakGlass, Severity::High, now())
    }
}

pub(crate) fn finding(id: &str, case_id: Option<&str>) -> Finding {
    Finding {
        api_version: ApiVersion::V1,
        kind: FindingKind::Finding,
        id: id.to_owned(),
        detection: "gcp.cloud-run.break-glass".to_owned(),
        severity: Severity::High,
        category: Category::BreakGlass,
        at: now(),
        actor: Actor::default(),
        target: None,
        revision: None,
        images: Vec::new(),
        justification: None,
        bypassed: None,
        bypassed_verdict: None,
        attack: Vec::new(),
        decision_id: None,
        case_id: case_id.map(str::to_owned),
        last_conformant_revision: None,
        rollback: None,
        source: FindingSource {
            kind: "gcp.audit".to_owned(),
            id: "synthetic".to_owned(),
            log: None,
        },
        summary: "A synthetic finding.".to_owned(),
    }
}

pub(crate) fn occurrence(key_id: &str, signature: &[u8]) -> Occurrence {
    Occurrence {
        name: None,
        kind: Some(ATTESTATION.to_owned()),
        note_name: "projects/demo-project/notes/built-by-ci".parse().unwrap(),
        resource_uri: format!("https://{}", image()),
        attestation: Some(Attestation {
            serialized_payload: Base64(b"synthetic payload".to_vec()),
            signatures: vec![Signature {
                public_key_id: key_id.to_owned(),
                signature: Base64(signature.to_vec()),
            }],
        }),
        create_time: None,
    }
}
