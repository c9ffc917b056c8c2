//! `projects/P/occurrences`, and those on a note.
//!
//! Signatures are not looked at here, as Google does not: what does not verify counts for nothing where an
//! image is judged.

use postern_core::attestor::NoteName;
use postern_core::ports::{OccurrenceWrite, OccurrencesOf};
use serde_json::{Map, Value, json};
use ulid::Ulid;

use crate::batch::Batch;
use crate::body::{fields, read_mask};
use crate::call::Call;
use crate::error::ApiError;
use crate::filter::Filter;
use crate::notes::kind_of;
use crate::page::{gathered, listed};
use crate::trust::Trust;

/// Fields of an occurrence besides what it says.
const FIELDS: [&str; 8] = [
    "createTime",
    "envelope",
    "kind",
    "name",
    "noteName",
    "remediation",
    "resourceUri",
    "updateTime",
];

const CREATE: &str = "containeranalysis.occurrences.create";

const BATCH: Batch = Batch {
    of: "occurrences",
    method: "BatchCreateOccurrences",
    permission: CREATE,
};

impl Trust {
    pub(crate) async fn occurrence(&self, name: &str) -> Result<Value, ApiError> {
        let stored = self.store().occurrence(name).await?;
        stored.ok_or_else(|| ApiError::not_found("occurrence", name))
    }

    pub(crate) async fn occurrences(
        &self,
        call: &Call,
        of: &OccurrencesOf,
    ) -> Result<Value, ApiError> {
        let filter = Filter::parse(call.parameter("filter").unwrap_or_default())?;
        let next = |after: String, limit| async move {
            Ok(self.store().occurrences(of, &after, limit).await?)
        };
        let (occurrences, last) = gathered(&call.page()?, &filter, next).await?;
        Ok(listed("occurrences", occurrences, last.as_deref()))
    }

    pub(crate) async fn create_occurrence(
        &self,
        call: &Call,
        project: &str,
    ) -> Result<Value, ApiError> {
        let occurrence = self.read_new(call, project, call.body()?).await?;
        let name = name_in(&occurrence.body);
        let request =
            json!({"parent": format!("projects/{project}"), "occurrence": occurrence.body});
        let told = call.told(
            "grafeas.v1.Grafeas.CreateOccurrence",
            &name,
            CREATE,
            request,
        );
        let answer = occurrence.body.clone().unwrap_or_default();
        self.write_occurrences(vec![occurrence], told).await?;
        Ok(answer)
    }

    pub(crate) async fn create_occurrences(
        &self,
        call: &Call,
        project: &str,
    ) -> Result<Value, ApiError> {
        let asked = BATCH.asked(call)?;
        let mut writes = Vec::new();
        for occurrence in asked.as_array().cloned().unwrap_or_default() {
            writes.push(self.read_new(call, project, fields(occurrence)).await?);
        }
        let answer: Vec<Value> = writes
            .iter()
            .filter_map(|write| write.body.clone())
            .collect();
        let told = BATCH.told(call, project, answer.clone().into());
        self.write_occurrences(writes, told).await?;
        Ok(json!({"occurrences": answer}))
    }

    pub(crate) async fn update_occurrence(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        let stored = fields(self.occurrence(name).await?);
        let (note, created) = (note_in(&stored)?, stored.get("createTime").cloned());
        let body = call.body()?;
        let mut merged = read_mask(call.parameter("updateMask"), stored, body.clone())?;
        let kind = kind_of(&merged, &FIELDS)?;
        if note_in(&merged)? != note {
            return Err(ApiError::invalid(
                "the note of an occurrence cannot be changed",
            ));
        }
        merged.insert("name".to_owned(), name.into());
        merged.insert("kind".to_owned(), kind.into());
        merged.insert("createTime".to_owned(), created.unwrap_or_default());
        merged.insert("updateTime".to_owned(), self.now().to_string().into());
        let write = OccurrenceWrite {
            name: name.to_owned(),
            note,
            body: Some(Value::Object(merged.clone())),
        };
        let request = json!({"name": name, "occurrence": body});
        let told = call.told(
            "grafeas.v1.Grafeas.UpdateOccurrence",
            name,
            "containeranalysis.occurrences.update",
            request,
        );
        self.write_occurrences(vec![write], told).await?;
        Ok(Value::Object(merged))
    }

    pub(crate) async fn delete_occurrence(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        let note = note_in(&fields(self.occurrence(name).await?))?;
        let write = OccurrenceWrite {
            name: name.to_owned(),
            note,
            body: None,
        };
        let told = call.told(
            "grafeas.v1.Grafeas.DeleteOccurrence",
            name,
            "containeranalysis.occurrences.delete",
            json!({"name": name}),
        );
        self.write_occurrences(vec![write], told).await?;
        Ok(json!({}))
    }

    /// The note that an occurrence is attached to.
    pub(crate) async fn note_of_occurrence(&self, name: &str) -> Result<Value, ApiError> {
        let note = note_in(&fields(self.occurrence(name).await?))?;
        self.note(&note).await
    }

    /// A new occurrence as a request has it. Whoever makes it may attach to its note, which is there.
    async fn read_new(
        &self,
        call: &Call,
        project: &str,
        mut occurrence: Map<String, Value>,
    ) -> Result<OccurrenceWrite, ApiError> {
        let kind = kind_of(&occurrence, &FIELDS)?;
        let note = note_in(&occurrence)?;
        let uri = occurrence.get("resourceUri").and_then(Value::as_str);
        if uri.unwrap_or_default().is_empty() {
            return Err(ApiError::invalid(
                "resourceUri is missing: what is the occurrence about?",
            ));
        }
        let attach = "containeranalysis.notes.attachOccurrence";
        self.require(&call.who(), attach, &note.to_string()).await?;
        let of_note = self.note(&note).await?;
        if of_note.get("kind").and_then(Value::as_str) != Some(kind) {
            return Err(ApiError::invalid(format!(
                "the occurrence is of kind {kind}, and its note {note} is not"
            )));
        }
        let now = self.now();
        let name = format!("projects/{project}/occurrences/{}", new_id(now));
        for (key, value) in [
            ("name", name.clone()),
            ("kind", kind.to_owned()),
            ("noteName", note.to_string()),
            ("createTime", now.to_string()),
            ("updateTime", now.to_string()),
        ] {
            occurrence.insert(key.to_owned(), value.into());
        }
        Ok(OccurrenceWrite {
            name,
            note,
            body: Some(Value::Object(occurrence)),
        })
    }
}

/// A new id in the form of a UUID (RFC 9562), of which later ones sort behind earlier ones.
fn new_id(now: jiff::Timestamp) -> String {
    let hex = format!("{:032x}", u128::from(Ulid::from_datetime(now.into())));
    let (a, b) = (&hex[..8], &hex[8..12]);
    format!("{a}-{b}-7{}-8{}-{}", &hex[13..16], &hex[17..20], &hex[20..])
}

fn name_in(occurrence: &Option<Value>) -> String {
    let name = occurrence
        .as_ref()
        .and_then(|occurrence| occurrence.get("name"));
    name.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn note_in(occurrence: &Map<String, Value>) -> Result<NoteName, ApiError> {
    let name = occurrence
        .get("noteName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    without_location(name)
        .parse()
        .map_err(|error| ApiError::invalid(format!("noteName: {error}")))
}

/// There is one store for all locations: `projects/P/locations/L/notes/N` is `projects/P/notes/N`.
fn without_location(name: &str) -> String {
    match name.split('/').collect::<Vec<_>>()[..] {
        ["projects", project, "locations", _, "notes", id] => {
            format!("projects/{project}/notes/{id}")
        }
        _ => name.to_owned(),
    }
}
