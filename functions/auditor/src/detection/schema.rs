//! The JSON Schema of a detection's file, for editors.

/// The schema (draft 2020-12). The program itself reads files without it, and refuses what it refuses.
pub const SCHEMA: &str = include_str!("../../detections/schema.json");

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::detection::embedded;

    fn file(id: &str) -> Value {
        let (_, yaml) = embedded::FILES
            .iter()
            .find(|(name, _)| *name == id)
            .unwrap();
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        jsonschema::draft202012::new(&schema).unwrap()
    }

    #[test]
    fn every_file_is_valid() {
        let validator = validator();
        for (id, _) in embedded::FILES {
            let file = file(id);
            let errors: Vec<_> = validator
                .iter_errors(&file)
                .map(|error| format!("{} {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{id}: {errors:#?}");
        }
    }

    #[rstest::rstest]
    #[case("/severty", json!("LOW"))]
    #[case("/severity", json!("SEVERE"))]
    #[case("/category", json!("BREAKGLASS"))]
    #[case("/attack", json!(["1610"]))]
    #[case("/summary", json!("{actor} did {it}"))]
    #[case("/failed", json!("low"))]
    #[case("/match/logs", json!("activity"))]
    #[case("/match/log", json!("admin"))]
    #[case("/match/own", json!("revoked"))]
    #[case("/match/where", json!([{"field": "mehtod", "equals": "x"}]))]
    #[case("/match/where", json!([{"field": "method", "equal": "x"}]))]
    #[case("/match/where", json!([{"field": "method", "equals": "x", "present": true}]))]
    #[case("/match/where", json!([{"field": "method", "in": "kyes"}]))]
    #[case("/match/where", json!([{"field": "request", "present": true}]))]
    #[case("/match/where", json!([{"not": [{"configured": "keys"}]}]))]
    #[case("/severityWhen", json!([{"if": [{"configured": "keys"}], "severity": "LOW"}]))]
    #[case("/samples/0/fire", json!(true))]
    #[case("/samples/0/like", json!("another"))]
    #[case("/samples/0/trust", json!({"kyes": []}))]
    fn slips_of_the_pen_are_refused(#[case] pointer: &str, #[case] value: Value) {
        let mut file = file("gcp.gke.break-glass");
        assert!(validator().is_valid(&file));
        crate::detection::set(&mut file, pointer, value).unwrap();
        assert!(!validator().is_valid(&file), "{pointer}");
    }

    #[test]
    fn a_file_needs_every_part() {
        let whole = file("gcp.gke.break-glass");
        for part in [
            "id", "title", "why", "whatToDo", "summary", "match", "samples",
        ] {
            let mut file = whole.clone();
            file.as_object_mut().unwrap().remove(part);
            assert!(!validator().is_valid(&file), "{part}");
        }
    }
}
