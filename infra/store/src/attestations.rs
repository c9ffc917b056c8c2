//! Attestations kept in the database: what `store:DIR` means as a source and as a sink.

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::attestor::NoteName;
use postern_core::image::{Digest, ImageReference, shortened};
use postern_core::occurrence::{
    ATTESTATION, Attestation, Occurrence, digests_beside, payload_hashes,
};
use postern_core::ports::{AttestationSink, AttestationSource, Stored, Unavailable};
use ulid::Ulid;

use crate::error::StoreError;
use crate::rows::{Transaction, json, micros, parse};
use crate::store::Store;

/// Occurrences about one digest on one note that are ever looked at.
pub(crate) const MOST_OCCURRENCES: usize = 1000;

#[async_trait]
impl AttestationSource for Store {
    fn name(&self) -> &str {
        self.source_name()
    }

    async fn occurrences(
        &self,
        image: &ImageReference,
        note: &NoteName,
    ) -> Result<Vec<Occurrence>, Unavailable> {
        let Some(digest) = image.digest() else {
            return Err(without_digest(self.source_name(), image.written()));
        };
        let bodies = self.answer(self.bodies(&digest, note)).await?;
        if bodies.len() > MOST_OCCURRENCES {
            return Err(flood(self.source_name(), &digest));
        }
        self.answer(async { all(&bodies) }).await
    }

    /// Looks at the newest occurrences on the note.
    async fn attested_beside(
        &self,
        image: &ImageReference,
        note: &NoteName,
        limit: usize,
    ) -> Result<Vec<Digest>, Unavailable> {
        let newest = async { all(&self.newest(note).await?) };
        let occurrences = self.answer(newest).await?;
        Ok(digests_beside(image, &occurrences, limit))
    }
}

#[async_trait]
impl AttestationSink for Store {
    /// A second signature by the same key over the same payload is the same statement. Whoever
    /// stores verifies before: what is there already is not looked at again.
    async fn store(&self, occurrence: Occurrence) -> Result<Stored, Unavailable> {
        let statement = Statement::of(&occurrence)
            .map_err(|reason| Unavailable::new(self.source_name(), reason))?;
        self.answer(self.write_occurrence(occurrence, &statement))
            .await
    }
}

impl Store {
    /// The newest occurrences about a digest, on whatever notes; at most 1000.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn occurrences_about(&self, digest: &Digest) -> Result<Vec<Occurrence>, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM occurrences WHERE digest = $1 ORDER BY created_at DESC, name DESC LIMIT $2",
        )
        .bind(digest.to_string())
        .bind(MOST_OCCURRENCES as i64)
        .fetch_all(self.readers().await?)
        .await?;
        all(&bodies)
    }

    /// The id of a note decides here; whether its project is the same one, by id or by number, is
    /// the caller's question.
    async fn bodies(&self, digest: &Digest, note: &NoteName) -> Result<Vec<String>, StoreError> {
        let limit = MOST_OCCURRENCES as i64 + 1;
        let bodies = sqlx::query_scalar(
            "SELECT body FROM occurrences WHERE digest = $1 AND note_id = $2
             ORDER BY created_at DESC, name DESC LIMIT $3",
        )
        .bind(digest.to_string())
        .bind(&note.id)
        .bind(limit)
        .fetch_all(self.readers().await?)
        .await?;
        Ok(bodies)
    }

    /// The newest occurrences on a note, whatever they are about.
    async fn newest(&self, note: &NoteName) -> Result<Vec<String>, StoreError> {
        let bodies = sqlx::query_scalar(
            "SELECT body FROM occurrences WHERE note_id = $1
             ORDER BY created_at DESC, name DESC LIMIT $2",
        )
        .bind(&note.id)
        .bind(MOST_OCCURRENCES as i64)
        .fetch_all(self.readers().await?)
        .await?;
        Ok(bodies)
    }

    async fn write_occurrence(
        &self,
        mut occurrence: Occurrence,
        statement: &Statement,
    ) -> Result<Stored, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(there) = statement.find(&mut transaction).await? {
            // What was stored before hashes were kept may be signed again.
            if statement.add_hashes(&mut transaction).await? {
                transaction.commit().await?;
            }
            return Ok(Stored::AlreadyThere(there));
        }
        let now = Timestamp::now();
        let project = &occurrence.note_name.project;
        let name = format!(
            "projects/{project}/occurrences/{}",
            Ulid::from_datetime(now.into())
        );
        occurrence.name = Some(name.clone());
        occurrence.kind = Some(ATTESTATION.to_owned());
        occurrence.create_time = Some(now);
        let body = json("an occurrence", &occurrence)?;
        let note_id = &occurrence.note_name.id;
        statement
            .insert(&mut transaction, &name, note_id, micros(now), &body)
            .await?;
        transaction.commit().await?;
        Ok(Stored::Created(occurrence))
    }
}

fn all(bodies: &[String]) -> Result<Vec<Occurrence>, StoreError> {
    let occurrence = |body: &String| parse("an occurrence", body);
    bodies.iter().map(occurrence).collect()
}

/// What makes two occurrences the same statement.
pub(crate) struct Statement {
    note: String,
    digest: String,
    payload_sha256: String,
    key_ids: String,
    /// By what else a key's log may name the payload; no part of what makes it the same.
    payload_sha384: Option<String>,
    payload_sha512: Option<String>,
}

impl Statement {
    pub(crate) async fn insert(
        &self,
        transaction: &mut Transaction,
        name: &str,
        note_id: &str,
        created: i64,
        body: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO occurrences
                 (name, note, note_id, digest, payload_sha256, payload_sha384, payload_sha512,
                  key_ids, created_at, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(name)
        .bind(&self.note)
        .bind(note_id)
        .bind(&self.digest)
        .bind(&self.payload_sha256)
        .bind(&self.payload_sha384)
        .bind(&self.payload_sha512)
        .bind(&self.key_ids)
        .bind(created)
        .bind(body)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// By its very signatures as well. Whoever may attach to a note could otherwise keep a good signature out
    /// by a bad one over the same payload.
    pub(crate) fn by_signatures(mut self, attestation: &Attestation) -> Self {
        let mut bytes = Vec::new();
        for signature in &attestation.signatures {
            bytes.extend_from_slice(&signature.signature.0);
        }
        self.key_ids = format!("{} {}", self.key_ids, Digest::of(&bytes));
        self
    }

    /// What an occurrence says that is no attestation: by its name, it is the same as no other.
    pub(crate) fn unsigned(name: &str, note: &NoteName, digest: Option<Digest>) -> Self {
        Self {
            note: note.to_string(),
            digest: digest.map(|digest| digest.to_string()).unwrap_or_default(),
            payload_sha256: String::new(),
            key_ids: name.to_owned(),
            payload_sha384: None,
            payload_sha512: None,
        }
    }

    pub(crate) fn of(occurrence: &Occurrence) -> Result<Self, String> {
        let uri = &occurrence.resource_uri;
        let image = ImageReference::parse_artifact_url(uri)
            .map_err(|error| format!("the occurrence is about no image: {error}"))?;
        let digest = image.digest().ok_or_else(|| {
            format!(
                "the occurrence is about {:?}, which has no digest",
                shortened(uri)
            )
        })?;
        let attestation = occurrence.attestation.as_ref();
        let attestation = attestation.ok_or("the occurrence has no attestation")?;
        let [payload_sha256, payload_sha384, payload_sha512] =
            payload_hashes(&attestation.serialized_payload.0);
        Ok(Self {
            note: occurrence.note_name.to_string(),
            digest: digest.to_string(),
            payload_sha256,
            key_ids: key_ids(attestation),
            payload_sha384: Some(payload_sha384),
            payload_sha512: Some(payload_sha512),
        })
    }

    /// Whether a row of this payload lacked the hashes; then it has them now.
    async fn add_hashes(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let added = sqlx::query(
            "UPDATE occurrences SET payload_sha384 = $1, payload_sha512 = $2
             WHERE payload_sha256 = $3 AND payload_sha512 IS NULL",
        )
        .bind(&self.payload_sha384)
        .bind(&self.payload_sha512)
        .bind(&self.payload_sha256)
        .execute(&mut **transaction)
        .await?;
        Ok(added.rows_affected() > 0)
    }

    pub(crate) async fn find(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Option<Occurrence>, StoreError> {
        let body: Option<String> = sqlx::query_scalar(
            "SELECT body FROM occurrences
             WHERE note = $1 AND digest = $2 AND payload_sha256 = $3 AND key_ids = $4",
        )
        .bind(&self.note)
        .bind(&self.digest)
        .bind(&self.payload_sha256)
        .bind(&self.key_ids)
        .fetch_optional(&mut **transaction)
        .await?;
        body.map(|body| parse("an occurrence", &body)).transpose()
    }
}

/// The ids of the keys that signed, in one order, as JSON so that no id runs into the next.
fn key_ids(attestation: &Attestation) -> String {
    let signatures = attestation.signatures.iter();
    let mut ids: Vec<&str> = signatures
        .map(|signature| signature.public_key_id.as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    serde_json::Value::from(ids).to_string()
}

pub(crate) fn without_digest(source: &str, image: &str) -> Unavailable {
    let image = shortened(image);
    Unavailable::new(source, format!("{image:?} has no digest to look for"))
}

pub(crate) fn flood(source: &str, digest: &Digest) -> Unavailable {
    Unavailable::limit(
        source,
        format!("more than {MOST_OCCURRENCES} occurrences about {digest} on one note"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, image, occurrence};

    fn note(project: &str) -> NoteName {
        format!("projects/{project}/notes/built-by-ci")
            .parse()
            .unwrap()
    }

    #[tokio::test]
    async fn the_same_statement_by_the_same_key_is_stored_once() {
        let (store, _directory) = testing::store().await;
        let Stored::Created(created) = store.store(occurrence("key-1", b"sig-1")).await.unwrap()
        else {
            panic!("it is new");
        };
        let name = created.name.clone().unwrap();
        assert!(
            name.starts_with("projects/demo-project/occurrences/01"),
            "{name}"
        );
        assert_eq!(created.kind.as_deref(), Some("ATTESTATION"));
        assert!(created.create_time.is_some());

        let again = store.store(occurrence("key-1", b"sig-2")).await.unwrap();
        assert_eq!(
            again,
            Stored::AlreadyThere(created.clone()),
            "another ECDSA signature"
        );
        let other = store.store(occurrence("key-2", b"sig-1")).await.unwrap();
        assert!(matches!(other, Stored::Created(_)), "another key");

        let found = store
            .occurrences(&image(), &note("demo-project"))
            .await
            .unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.contains(&created));
    }

    #[tokio::test]
    async fn only_what_is_asked_for_is_found() {
        let (store, _directory) = testing::store().await;
        store.store(occurrence("key-1", b"sig")).await.unwrap();
        let by_number = store.occurrences(&image(), &note("123456")).await.unwrap();
        assert_eq!(
            by_number.len(),
            1,
            "whether it is the same project, the caller knows"
        );
        let other_note = "projects/demo-project/notes/other".parse().unwrap();
        assert_eq!(store.occurrences(&image(), &other_note).await, Ok(vec![]));
        let other_image = image().pinned(Digest::of(b"other"));
        assert_eq!(
            store.occurrences(&other_image, &note("demo-project")).await,
            Ok(vec![])
        );
        let tag = ImageReference::parse("registry.example/app:v1").unwrap();
        assert!(
            store
                .occurrences(&tag, &note("demo-project"))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_flood_is_a_limit_and_not_an_answer() {
        let (store, _directory) = testing::store().await;
        sqlx::query(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= 1000)
             INSERT INTO occurrences
                 (name, note, note_id, digest, payload_sha256, key_ids, created_at, body)
             SELECT 'name' || i, 'note', 'built-by-ci', $1, '', i, 0, '{}' FROM n",
        )
        .bind(testing::digest().to_string())
        .execute(store.writer().await.unwrap().pool())
        .await
        .unwrap();
        let error = store
            .occurrences(&image(), &note("demo-project"))
            .await
            .unwrap_err();
        assert!(error.limit, "{error}");
    }

    #[tokio::test]
    async fn what_speaks_for_no_digest_is_not_stored() {
        let (store, _directory) = testing::store().await;
        let tag = Occurrence {
            resource_uri: "https://registry.example/app:v1".to_owned(),
            ..occurrence("key-1", b"sig")
        };
        let error = store.store(tag).await.unwrap_err();
        assert_eq!(
            error.message,
            "the occurrence is about \"https://registry.example/app:v1\", which has no digest"
        );
        let empty = Occurrence {
            attestation: None,
            ..occurrence("key-1", b"sig")
        };
        let error = store.store(empty).await.unwrap_err();
        assert_eq!(error.message, "the occurrence has no attestation");
    }
}
