//! `projects/P/occurrences:vulnerabilitySummary`.

use std::collections::BTreeMap;

use postern_core::ports::OccurrencesOf;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::filter::Filter;
use crate::page::{Page, gathered};
use crate::trust::Trust;

/// So many occurrences are gathered at once, and so often.
const AT_ONCE: u32 = 1000;
const MOST_TIMES: usize = 50;

/// How many there are, of one image and severity.
#[derive(Default)]
struct Count {
    fixable: u64,
    total: u64,
}

impl Trust {
    /// How many vulnerabilities there are of each image that the filter finds, by severity.
    pub(crate) async fn vulnerability_summary(
        &self,
        call: &Call,
        project: &str,
    ) -> Result<Value, ApiError> {
        let filter = Filter::parse(call.parameter("filter").unwrap_or_default())?;
        let of = &OccurrencesOf::Project(project.to_owned());
        let next = |after: String, limit| async move {
            Ok(self.store().occurrences(of, &after, limit).await?)
        };
        let mut counts = BTreeMap::new();
        let mut after = String::new();
        for _ in 0..MOST_TIMES {
            let page = Page {
                size: AT_ONCE,
                after,
            };
            let (found, more) = gathered(&page, &filter, next).await?;
            for occurrence in &found {
                count(&mut counts, occurrence);
            }
            match more {
                Some(name) => after = name,
                None => return Ok(answer(counts)),
            }
        }
        // A part of them would look like all.
        Err(ApiError::new(
            Code::FailedPrecondition,
            format!(
                "project {project} has more occurrences than are counted: name images in the filter"
            ),
        ))
    }
}

fn count(counts: &mut BTreeMap<(String, String), Count>, occurrence: &Value) {
    let Some(vulnerability) = occurrence.get("vulnerability") else {
        return;
    };
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let severity = text(vulnerability, "effectiveSeverity")
        .or_else(|| text(vulnerability, "severity"))
        .unwrap_or_else(|| "SEVERITY_UNSPECIFIED".to_owned());
    let uri = text(occurrence, "resourceUri").unwrap_or_default();
    let count = counts.entry((uri, severity)).or_default();
    count.total += 1;
    let fixable = vulnerability.get("fixAvailable").and_then(Value::as_bool);
    count.fixable += u64::from(fixable.unwrap_or_default());
}

fn answer(counts: BTreeMap<(String, String), Count>) -> Value {
    let counts = counts.into_iter().map(|((uri, severity), count)| {
        json!({
            "resourceUri": uri,
            "severity": severity,
            "fixableCount": count.fixable.to_string(),
            "totalCount": count.total.to_string(),
        })
    });
    json!({"counts": counts.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn vulnerabilities_are_counted_by_image_and_severity() {
        let world = World::new();
        // Under a location and without one is the same.
        let notes = "/v1/projects/shop/locations/eu/notes?noteId=cve";
        world
            .done("POST", notes, &json!({"vulnerability": {}}))
            .await;
        let found = |image: &str, severity: &str, fixed: bool| {
            json!({
                "noteName": "projects/shop/locations/eu/notes/cve",
                "resourceUri": image,
                "vulnerability": {"effectiveSeverity": severity, "fixAvailable": fixed},
            })
        };
        let batch = json!({"occurrences": [
            found("a", "HIGH", true), found("a", "HIGH", false), found("a", "LOW", false), found("b", "HIGH", true),
        ]});
        let made = world
            .done("POST", "/v1/projects/shop/occurrences:batchCreate", &batch)
            .await;
        assert_eq!(
            made["occurrences"][0]["noteName"],
            "projects/shop/notes/cve"
        );
        for path in ["", "/locations/eu"] {
            let path = format!(
                "/v1/projects/shop{path}/occurrences:vulnerabilitySummary?filter=resourceUrl%3D%22a%22"
            );
            let answer = world.done("GET", &path, &Value::Null).await;
            assert_eq!(
                answer,
                json!({"counts": [
                    {"resourceUri": "a", "severity": "HIGH", "fixableCount": "1", "totalCount": "2"},
                    {"resourceUri": "a", "severity": "LOW", "fixableCount": "0", "totalCount": "1"},
                ]})
            );
        }
        let of_note = "/v1/projects/shop/locations/eu/notes/cve/occurrences";
        let listed = world.done("GET", of_note, &Value::Null).await;
        assert_eq!(listed["occurrences"].as_array().unwrap().len(), 4);
    }
}
