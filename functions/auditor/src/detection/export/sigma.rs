//! Sigma rules, one per detection.

use std::fmt::Write as _;

use postern_core::event::Stream;
use postern_core::finding::Severity;
use postern_core::image::Digest;

use super::{dates_its_methods, log_id};
use crate::detection::matcher::{EntryMatcher, Matcher};
use crate::detection::{Catalogue, Detection};

/// Every detection that reads entries as a Sigma rule: (name of the file, YAML).
///
/// The fields are the members of the entries as the platforms write them. Conditions that look into a
/// request, or at what is ours, are left out and named in a comment.
pub fn sigma_rules(catalogue: &Catalogue) -> Vec<(String, String)> {
    let rule = |detection: &Detection| match &detection.matcher {
        Matcher::Entry(matcher) => {
            Some((format!("{}.yml", detection.id), rule(detection, matcher)))
        }
        Matcher::Own(_) => None,
    };
    catalogue.iter().filter_map(rule).collect()
}

fn rule(detection: &Detection, matcher: &EntryMatcher) -> String {
    let aws = matcher.streams.contains(&Stream::CloudTrail);
    let mut yaml = String::new();
    let left_out: Vec<_> = matcher
        .conditions
        .iter()
        .filter(|c| !c.needs_key())
        .map(|c| format!("#   {}\n", one_line(&c.to_string())))
        .collect();
    if !left_out.is_empty() {
        yaml += "# This matches more than the detection, which wants as well:\n";
        yaml += &left_out.concat();
    }
    let (product, service) = if aws {
        ("aws", "cloudtrail")
    } else {
        ("gcp", "gcp.audit")
    };
    // Writing into a string does not fail.
    let _ = write!(
        yaml,
        "title: {}\nid: {}\nstatus: experimental\ndescription: {}\ntags:\n",
        quoted(&detection.title),
        uuid(&detection.id),
        quoted(detection.why.trim())
    );
    for technique in &detection.attack {
        let _ = writeln!(yaml, "  - attack.{}", technique.to_lowercase());
    }
    let _ = write!(
        yaml,
        "logsource:\n  product: {product}\n  service: {service}\ndetection:\n  selection:\n"
    );
    let fields = if aws {
        of_record(matcher)
    } else {
        of_entry(matcher)
    };
    for (field, values) in fields {
        let _ = writeln!(yaml, "    {field}:");
        for value in values {
            let _ = writeln!(yaml, "      - {}", quoted(&value));
        }
    }
    if matcher.conditions.iter().any(|c| c.needs_key()) {
        yaml += if aws {
            "    userIdentity.accessKeyId|startswith:\n      - \"AKIA\"\n"
        } else {
            "    protoPayload.authenticationInfo.serviceAccountKeyName|exists: true\n"
        };
    }
    yaml += "  condition: selection\n";
    yaml += "falsepositives:\n";
    for text in &detection.false_positives {
        let _ = writeln!(yaml, "  - {}", quoted(text.trim()));
    }
    if detection.false_positives.is_empty() {
        yaml += "  - \"None that is known.\"\n";
    }
    let _ = writeln!(yaml, "level: {}", level(detection.severity));
    yaml
}

type Fields = Vec<(&'static str, Vec<String>)>;

fn of_entry(matcher: &EntryMatcher) -> Fields {
    let log = |stream: &Stream| Some(format!("/logs/{}", log_id(*stream)?.replace('/', "%2F")));
    let mut fields = vec![(
        "logName|endswith",
        matcher.streams.iter().filter_map(log).collect(),
    )];
    fields.push(("protoPayload.serviceName", texts(&matcher.services)));
    fields.push(("resource.type", texts(&matcher.resources)));
    fields.push(("protoPayload.methodName|endswith", matcher.methods.clone()));
    fields.retain(|(_, values): &(_, Vec<String>)| !values.is_empty());
    fields
}

fn of_record(matcher: &EntryMatcher) -> Fields {
    let dated =
        matcher.services.is_empty() || matcher.services.iter().any(|s| dates_its_methods(s));
    let name = if dated {
        "eventName|startswith"
    } else {
        "eventName"
    };
    let mut fields = vec![("eventSource", texts(&matcher.services))];
    fields.push((name, matcher.methods.clone()));
    fields.retain(|(_, values)| !values.is_empty());
    if fields.is_empty() {
        // A selection has something in it.
        fields.push(("eventSource|endswith", vec![".amazonaws.com".to_owned()]));
    }
    fields
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    texts.into_iter().cloned().collect()
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "informational",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// A JSON text is one of YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A UUID of version 8 (RFC 9562) out of the detection's id, so that a rule keeps its id for ever.
fn uuid(id: &str) -> String {
    let hex = Digest::of(format!("postern detection {id}").as_bytes()).hex();
    let (time, rest) = hex.split_at(12);
    format!(
        "{}-{}-8{}-a{}-{}",
        &time[..8],
        &time[8..],
        &rest[..3],
        &rest[3..6],
        &rest[6..18]
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn selects(selection: &Value, entry: &Value) -> bool {
        selection.as_object().unwrap().iter().all(|(field, any)| {
            let (path, how) = field.split_once('|').unwrap_or((field, ""));
            let pointer = format!("/{}", path.replace('.', "/"));
            let value = entry.pointer(&pointer).and_then(Value::as_str);
            let passes = |expected: &Value| {
                let (Some(value), Some(expected)) = (value, expected.as_str()) else {
                    return false;
                };
                match how {
                    "" => value == expected,
                    "endswith" => value.ends_with(expected),
                    "startswith" => value.starts_with(expected),
                    _ => panic!("{field}"),
                }
            };
            match any {
                Value::Bool(exists) => *exists == value.is_some(),
                any => any.as_array().unwrap().iter().any(passes),
            }
        })
    }

    #[test]
    fn every_rule_selects_whatever_its_detection_fires_on() {
        let catalogue = crate::testing::catalogue();
        let rules = sigma_rules(&catalogue);
        assert!(rules.len() > 50, "{}", rules.len());
        for (file, yaml) in rules {
            let rule: Value = serde_saphyr::from_str(&yaml).unwrap();
            let detection = catalogue.get(file.strip_suffix(".yml").unwrap()).unwrap();
            for (sample, bytes) in detection.samples.bytes().unwrap() {
                let entry = serde_json::from_slice(&bytes).unwrap();
                let selected = selects(&rule["detection"]["selection"], &entry);
                assert!(selected || !sample.fires, "{file} {}", sample.name);
            }
        }
    }

    #[test]
    fn a_rule_keeps_its_id() {
        assert_eq!(
            uuid("gcp.cloud-run.break-glass"),
            "8a81beaf-4aca-8a0b-a33e-a4409bfd09bc"
        );
        let catalogue = crate::testing::catalogue();
        let ids: std::collections::BTreeSet<_> = catalogue.iter().map(|d| uuid(&d.id)).collect();
        assert_eq!(ids.len(), catalogue.iter().count());
    }

    #[test]
    fn a_rule_reads_like_this() {
        let catalogue = crate::testing::catalogue();
        let rules = sigma_rules(&catalogue);
        let (_, rule) = rules
            .iter()
            .find(|(file, _)| file == "gcp.gke.dry-run.yml")
            .unwrap();
        insta::assert_snapshot!(rule, @r#"
    # This matches more than the detection, which wants as well:
    #   labels["imagepolicywebhook.image-policy.k8s.io/dry-run"] is "true"
    title: "Pod that would have been blocked on GKE"
    id: 73ba4caa-4749-8df5-a5e3-9c014e146c19
    status: experimental
    description: "The policy is in dry run: Binary Authorization would have refused this Pod and let it through."
    tags:
      - attack.t1525
    logsource:
      product: gcp
      service: gcp.audit
    detection:
      selection:
        logName|endswith:
          - "/logs/cloudaudit.googleapis.com%2Factivity"
        protoPayload.serviceName:
          - "k8s.io"
        resource.type:
          - "k8s_cluster"
        protoPayload.methodName|endswith:
          - "core.v1.pods.create"
          - "core.v1.pods.update"
          - "core.v1.pods.patch"
          - "core.v1.pods.ephemeralcontainers.update"
          - "core.v1.pods.ephemeralcontainers.patch"
      condition: selection
    falsepositives:
      - "A roll-out of a new policy, which is what dry run is for."
    level: low
    "#);
    }
}
