//! What batches of notes and of occurrences have in common.

use serde_json::{Value, json};

use crate::audit::Told;
use crate::call::Call;
use crate::error::ApiError;

/// So many are made at once.
const MOST: usize = 1000;

/// A batch that is to be made: `notes` or `occurrences`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch {
    /// The collection, and the field of the request and of the answer.
    pub(crate) of: &'static str,
    /// The method's last word in audit logs.
    pub(crate) method: &'static str,
    /// What it takes.
    pub(crate) permission: &'static str,
}

impl Batch {
    /// What a request has in the batch's field.
    ///
    /// # Errors
    /// If nothing is there, or more than is made at once.
    pub(crate) fn asked(self, call: &Call) -> Result<Value, ApiError> {
        let asked = call.body()?.remove(self.of).unwrap_or_default();
        let size = match &asked {
            Value::Array(items) => items.len(),
            Value::Object(items) => items.len(),
            _ => 0,
        };
        match (1..=MOST).contains(&size) {
            true => Ok(asked),
            false => Err(ApiError::invalid(format!(
                "{of} must have 1 to {MOST} {of}",
                of = self.of
            ))),
        }
    }

    /// What is told of it.
    pub(crate) fn told(self, call: &Call, project: &str, made: Value) -> Told {
        let parent = format!("projects/{project}");
        let request = json!({"parent": parent, self.of: made});
        call.told(
            &format!("grafeas.v1.Grafeas.{}", self.method),
            &format!("{parent}/{}/", self.of),
            self.permission,
            request,
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn batches_have_a_bound_and_ids_are_ids() {
        let world = World::new();
        let path = "/v1/projects/shop/notes:batchCreate";
        let note = json!({"attestation": {}});
        let many: Map<String, Value> = (0..=MOST)
            .map(|number| (format!("n{number}"), note.clone()))
            .collect();
        for (notes, said) in [
            (json!({}), "1 to 1000"),
            (json!([]), "1 to 1000"),
            (many.into(), "1 to 1000"),
            (json!({"a b": note}), "letters"),
            (json!({"a/b": note}), "letters"),
            (json!({"": note}), "letters"),
        ] {
            let (status, message) = world.refused("POST", path, &json!({"notes": notes})).await;
            assert_eq!(status, "INVALID_ARGUMENT");
            assert!(message.contains(said), "{message}");
        }
        let path = "/v1/projects/shop/occurrences:batchCreate";
        let (status, _) = world
            .refused("POST", path, &json!({"occurrences": []}))
            .await;
        assert_eq!(status, "INVALID_ARGUMENT");
    }
}
