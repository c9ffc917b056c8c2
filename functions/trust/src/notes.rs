//! `projects/P/notes`.

use postern_core::attestor::NoteName;
use postern_core::ports::{Resource, ResourceWrite};
use serde_json::{Map, Value, json};

use crate::batch::Batch;
use crate::body::{fields, read_mask};
use crate::call::{Call, checked_id};
use crate::error::ApiError;
use crate::filter::Filter;
use crate::page::{gathered, listed};
use crate::trust::Trust;

/// The kinds of notes and occurrences, by the field that has what they say.
const KINDS: [(&str, &str); 13] = [
    ("attestation", "ATTESTATION"),
    ("build", "BUILD"),
    ("compliance", "COMPLIANCE"),
    ("deployment", "DEPLOYMENT"),
    ("discovery", "DISCOVERY"),
    ("dsseAttestation", "DSSE_ATTESTATION"),
    ("image", "IMAGE"),
    ("package", "PACKAGE"),
    ("sbomReference", "SBOM_REFERENCE"),
    ("secret", "SECRET"),
    ("upgrade", "UPGRADE"),
    ("vulnerability", "VULNERABILITY"),
    ("vulnerabilityAssessment", "VULNERABILITY_ASSESSMENT"),
];

/// Fields of a note besides what it says.
const FIELDS: [&str; 9] = [
    "createTime",
    "expirationTime",
    "kind",
    "longDescription",
    "name",
    "relatedNoteNames",
    "relatedUrl",
    "shortDescription",
    "updateTime",
];

const BATCH: Batch = Batch {
    of: "notes",
    method: "BatchCreateNotes",
    permission: "containeranalysis.notes.create",
};

impl Trust {
    pub(crate) async fn note(&self, name: &NoteName) -> Result<Value, ApiError> {
        Ok(answer(&self.stored_note(name).await?))
    }

    pub(crate) async fn stored_note(&self, name: &NoteName) -> Result<Resource, ApiError> {
        let stored = self.store().resource(&name.to_string()).await?;
        stored.ok_or_else(|| ApiError::not_found("note", &name.to_string()))
    }

    pub(crate) async fn notes(&self, call: &Call, project: &str) -> Result<Value, ApiError> {
        let filter = Filter::parse(call.parameter("filter").unwrap_or_default())?;
        let collection = &collection_of(project);
        let next = |after: String, limit| async move {
            let notes = self.store().resources(collection, &after, limit).await?;
            Ok(notes
                .into_iter()
                .map(|note| (note.name.clone(), answer(&note)))
                .collect())
        };
        let (notes, last) = gathered(&call.page()?, &filter, next).await?;
        Ok(listed("notes", notes, last.as_deref()))
    }

    pub(crate) async fn create_note(&self, call: &Call, project: &str) -> Result<Value, ApiError> {
        let name = NoteName {
            project: project.to_owned(),
            id: call.id("noteId")?.to_owned(),
        };
        let note = checked(call.body()?)?;
        if self.store().resource(&name.to_string()).await?.is_some() {
            return Err(ApiError::exists("note", &name.to_string()));
        }
        let request = json!({"noteId": name.id, "note": note});
        let told = call.told(
            "grafeas.v1.Grafeas.CreateNote",
            &name.to_string(),
            "containeranalysis.notes.create",
            request,
        );
        self.write(vec![write(&name, 0, Some(note))], told).await?;
        self.note(&name).await
    }

    pub(crate) async fn create_notes(&self, call: &Call, project: &str) -> Result<Value, ApiError> {
        let asked = fields(BATCH.asked(call)?);
        let (mut writes, mut names) = (Vec::new(), Vec::new());
        for (id, note) in asked.clone() {
            let name = NoteName {
                project: project.to_owned(),
                id,
            };
            checked_id("the id of a note", &name.id)?;
            if self.store().resource(&name.to_string()).await?.is_some() {
                return Err(ApiError::exists("note", &name.to_string()));
            }
            writes.push(write(&name, 0, Some(checked(fields(note))?)));
            names.push(name);
        }
        let told = BATCH.told(call, project, asked.into());
        self.write(writes, told).await?;
        let mut notes = Vec::new();
        for name in names {
            notes.push(self.note(&name).await?);
        }
        Ok(json!({"notes": notes}))
    }

    pub(crate) async fn update_note(
        &self,
        call: &Call,
        name: &NoteName,
    ) -> Result<Value, ApiError> {
        let stored = self.stored_note(name).await?;
        let body = call.body()?;
        let merged = read_mask(
            call.parameter("updateMask"),
            fields(stored.body),
            body.clone(),
        )?;
        let note = checked(merged)?;
        let request = json!({"name": name, "note": body});
        let told = call.told(
            "grafeas.v1.Grafeas.UpdateNote",
            &name.to_string(),
            "containeranalysis.notes.update",
            request,
        );
        self.write(vec![write(name, stored.revision, Some(note))], told)
            .await?;
        self.note(name).await
    }

    pub(crate) async fn delete_note(
        &self,
        call: &Call,
        name: &NoteName,
    ) -> Result<Value, ApiError> {
        let stored = self.stored_note(name).await?;
        let told = call.told(
            "grafeas.v1.Grafeas.DeleteNote",
            &name.to_string(),
            "containeranalysis.notes.delete",
            json!({"name": name}),
        );
        self.write(vec![write(name, stored.revision, None)], told)
            .await?;
        Ok(json!({}))
    }
}

fn write(name: &NoteName, expected: u64, body: Option<Value>) -> ResourceWrite {
    ResourceWrite {
        name: name.to_string(),
        collection: collection_of(&name.project),
        expected,
        body,
    }
}

/// The kind that fields say: that of the one field of [`KINDS`] which is there.
///
/// # Errors
/// If none or several are, or an unknown field.
pub(crate) fn kind_of(
    message: &Map<String, Value>,
    others: &[&str],
) -> Result<&'static str, ApiError> {
    let mut kinds = Vec::new();
    for key in message.keys() {
        match KINDS.iter().find(|(field, _)| field == key) {
            Some((_, kind)) => kinds.push(*kind),
            None if others.contains(&key.as_str()) => {}
            None => return Err(ApiError::invalid(format!("unknown field {key:?}"))),
        }
    }
    match kinds[..] {
        [kind] => Ok(kind),
        _ => Err(ApiError::invalid(format!(
            "exactly one of these must be set: {}",
            KINDS.map(|(field, _)| field).join(", ")
        ))),
    }
}

/// A note with its kind, and without what only the service sets.
fn checked(mut note: Map<String, Value>) -> Result<Value, ApiError> {
    let kind = kind_of(&note, &FIELDS)?;
    for output in ["name", "createTime", "updateTime"] {
        note.remove(output);
    }
    note.insert("kind".to_owned(), kind.into());
    Ok(Value::Object(note))
}

fn answer(stored: &Resource) -> Value {
    let mut note = Map::new();
    note.insert("name".to_owned(), stored.name.clone().into());
    note.extend(fields(stored.body.clone()));
    note.insert("createTime".to_owned(), stored.created.to_string().into());
    note.insert("updateTime".to_owned(), stored.updated.to_string().into());
    Value::Object(note)
}

fn collection_of(project: &str) -> String {
    format!("projects/{project}/notes")
}
