//! The trust chain: resources, and occurrences as their API sees them.

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::entry::Entry;
use postern_core::image::ImageReference;
use postern_core::occurrence::Occurrence;
use postern_core::ports::{
    OccurrenceWrite, OccurrencesOf, Resource, ResourceStore, ResourceWrite, Unavailable, Wrote,
};
use serde_json::Value;

use crate::attestations::Statement;
use crate::error::StoreError;
use crate::journal;
use crate::prepared::Prepared;
use crate::rows::{Transaction, json, micros, number, parse, timestamp};
use crate::store::Store;

#[async_trait]
impl ResourceStore for Store {
    async fn resource(&self, name: &str) -> Result<Option<Resource>, Unavailable> {
        let read = async {
            let row: Option<Row> = sqlx::query_as(
                "SELECT name, revision, created_at, updated_at, body FROM resources WHERE name = $1",
            )
            .bind(name)
            .fetch_optional(self.readers().await?)
            .await?;
            row.map(resource).transpose()
        };
        self.answer(read).await
    }

    async fn resources(
        &self,
        collection: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Resource>, Unavailable> {
        let read = async {
            let rows: Vec<Row> = sqlx::query_as(
                "SELECT name, revision, created_at, updated_at, body FROM resources
                 WHERE collection = $1 AND name > $2 ORDER BY name LIMIT $3",
            )
            .bind(collection)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(self.readers().await?)
            .await?;
            rows.into_iter().map(resource).collect()
        };
        self.answer(read).await
    }

    async fn write_resources(
        &self,
        writes: Vec<ResourceWrite>,
        at: Timestamp,
        entry: Entry,
    ) -> Result<Wrote, Unavailable> {
        let written = async {
            let mut transaction = self.begin().await?;
            for write in &writes {
                if !write_resource(&mut transaction, write, at).await? {
                    return Ok(Wrote::Stale);
                }
            }
            record(transaction, entry).await
        };
        self.answer(written).await
    }

    async fn occurrence(&self, name: &str) -> Result<Option<Value>, Unavailable> {
        let read = async {
            let body: Option<String> =
                sqlx::query_scalar("SELECT body FROM occurrences WHERE name = $1")
                    .bind(name)
                    .fetch_optional(self.readers().await?)
                    .await?;
            body.map(|body| parse("an occurrence", &body)).transpose()
        };
        self.answer(read).await
    }

    async fn occurrences(
        &self,
        of: &OccurrencesOf,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, Value)>, Unavailable> {
        self.answer(self.read_occurrences(of, after, limit)).await
    }

    async fn write_occurrences(
        &self,
        writes: Vec<OccurrenceWrite>,
        at: Timestamp,
        entry: Entry,
    ) -> Result<Wrote, Unavailable> {
        let written = async {
            let mut transaction = self.begin().await?;
            for write in &writes {
                if let Some(same) = write_occurrence(&mut transaction, write, at).await? {
                    return Ok(Wrote::SameAs(same));
                }
            }
            record(transaction, entry).await
        };
        self.answer(written).await
    }
}

impl Store {
    async fn read_occurrences(
        &self,
        of: &OccurrencesOf,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, Value)>, StoreError> {
        // Of a project: those whose names begin with it. (A zero sorts right after the slash.)
        let (statement, from, until) = match of {
            OccurrencesOf::Project(project) => (
                "SELECT name, body FROM occurrences WHERE name > $1 AND name < $2
                 ORDER BY name LIMIT $3",
                format!("projects/{project}/occurrences/").max(after.to_owned()),
                format!("projects/{project}/occurrences0"),
            ),
            OccurrencesOf::Note(note) => (
                "SELECT name, body FROM occurrences WHERE name > $1 AND note = $2
                 ORDER BY name LIMIT $3",
                after.to_owned(),
                note.to_string(),
            ),
        };
        let rows: Vec<(String, String)> = sqlx::query_as(statement)
            .bind(from)
            .bind(until)
            .bind(i64::from(limit))
            .fetch_all(self.readers().await?)
            .await?;
        let read = |(name, body): (String, String)| Ok((name, parse("an occurrence", &body)?));
        rows.into_iter().map(read).collect()
    }
}

type Row = (String, i64, i64, i64, String);

fn resource((name, revision, created, updated, body): Row) -> Result<Resource, StoreError> {
    Ok(Resource {
        revision: number("a resource", revision)?,
        created: timestamp("a resource", created)?,
        updated: timestamp("a resource", updated)?,
        body: parse(&format!("resource {name}"), &body)?,
        name,
    })
}

/// Writes the entry of what was written, and both are there.
async fn record(mut transaction: Transaction, entry: Entry) -> Result<Wrote, StoreError> {
    journal::append_in(&mut transaction, &[Prepared::new(entry)?]).await?;
    transaction.commit().await?;
    Ok(Wrote::Written)
}

/// `false`: it is not at the revision that was expected.
async fn write_resource(
    transaction: &mut Transaction,
    write: &ResourceWrite,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let expected = i64::try_from(write.expected).unwrap_or(i64::MAX);
    let statement = match (&write.body, expected) {
        (Some(_), 0) => {
            "INSERT INTO resources (name, collection, revision, created_at, updated_at, body)
             VALUES ($1, $2, $3 + 1, $4, $4, $5) ON CONFLICT DO NOTHING"
        }
        (Some(_), _) => {
            "UPDATE resources SET collection = $2, revision = $3 + 1, updated_at = $4, body = $5
             WHERE name = $1 AND revision = $3"
        }
        (None, _) => "DELETE FROM resources WHERE name = $1 AND revision = $2",
    };
    let query = sqlx::query(statement).bind(&write.name);
    let query = match &write.body {
        Some(body) => query
            .bind(&write.collection)
            .bind(expected)
            .bind(micros(at))
            .bind(json("a resource", body)?),
        None => query.bind(expected),
    };
    Ok(query.execute(&mut **transaction).await?.rows_affected() == 1)
}

/// Gives the name of the one that says the same already.
async fn write_occurrence(
    transaction: &mut Transaction,
    write: &OccurrenceWrite,
    at: Timestamp,
) -> Result<Option<String>, StoreError> {
    let there: Option<i64> =
        sqlx::query_scalar("SELECT created_at FROM occurrences WHERE name = $1")
            .bind(&write.name)
            .fetch_optional(&mut **transaction)
            .await?;
    if there.is_some() {
        sqlx::query("DELETE FROM occurrences WHERE name = $1")
            .bind(&write.name)
            .execute(&mut **transaction)
            .await?;
    }
    let Some(body) = &write.body else {
        return Ok(None);
    };
    let statement = statement(write, body);
    if let Some(same) = statement.find(transaction).await? {
        return Ok(Some(same.name.unwrap_or_default()));
    }
    let created = there.unwrap_or_else(|| micros(at));
    let body = json("an occurrence", body)?;
    statement
        .insert(transaction, &write.name, &write.note.id, created, &body)
        .await?;
    Ok(None)
}

/// An attestation of an image by its digest is found by what it states; everything else by its name.
fn statement(write: &OccurrenceWrite, body: &Value) -> Statement {
    let signed: Option<Occurrence> = serde_json::from_value(body.clone()).ok();
    if let Some(signed) = signed
        && let Some(attestation) = &signed.attestation
        && let Ok(statement) = Statement::of(&signed)
    {
        return statement.by_signatures(attestation);
    }
    let uri = body.get("resourceUri").and_then(Value::as_str);
    let image = uri.and_then(|uri| ImageReference::parse_artifact_url(uri).ok());
    let digest = image.and_then(|image| image.digest());
    Statement::unsigned(&write.name, &write.note, digest)
}

#[cfg(test)]
mod tests;
