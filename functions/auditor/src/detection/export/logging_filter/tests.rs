use serde_json::Value;

use super::*;

/// As much of the Logging query language as is written here.
struct Parser<'a> {
    rest: &'a str,
    entry: &'a Value,
}

impl Parser<'_> {
    fn evaluate(filter: &str, entry: &Value) -> bool {
        let mut parser = Parser {
            rest: filter,
            entry,
        };
        let holds = parser.any();
        assert_eq!(parser.rest.trim(), "", "the rest of the filter");
        holds
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.takes("OR ") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.one();
        while self.takes("AND ") {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        if self.takes("(") {
            let holds = self.any();
            assert!(self.takes(")"), "{}", self.rest);
            return holds;
        }
        if self.takes("log_id(") {
            let log = format!("/logs/{}", self.text().replace('/', "%2F"));
            assert!(self.takes(")"));
            return self.at("logName").ends_with(&log);
        }
        let end = self.rest.find([':', '=']).unwrap();
        let value = self.at(self.rest[..end].trim());
        self.rest = &self.rest[end..];
        if self.takes(":*") {
            return !value.is_empty();
        }
        let exact = self.takes("=");
        let has = |text: &str| match exact {
            true => value == text,
            false => value.to_lowercase().contains(&text.to_lowercase()),
        };
        assert!(exact || self.takes(":"));
        if !self.takes("(") {
            return has(&self.text());
        }
        let mut holds = has(&self.text());
        while self.takes("OR ") {
            holds |= has(&self.text());
        }
        assert!(self.takes(")"), "{}", self.rest);
        holds
    }

    fn at(&self, path: &str) -> String {
        let pointer = format!("/{}", path.replace('.', "/"));
        let value = self.entry.pointer(&pointer).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    }

    fn text(&mut self) -> String {
        assert!(self.takes("\""), "{}", self.rest);
        let (text, rest) = self.rest.split_once('"').unwrap();
        self.rest = rest;
        text.to_owned()
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(token) {
            Some(rest) => self.rest = rest,
            None => return false,
        }
        true
    }
}

#[test]
fn it_lets_through_whatever_a_detection_can_fire_on() {
    let catalogue = crate::testing::catalogue();
    let filter = logging_filter(&catalogue).unwrap();
    let mut tried = 0;
    for detection in catalogue.iter().filter(|d| d.id.starts_with("gcp.")) {
        for (sample, bytes) in detection.samples.bytes().unwrap() {
            let entry: Value = serde_json::from_slice(&bytes).unwrap();
            let passes = Parser::evaluate(&filter, &entry);
            assert!(passes || !sample.fires, "{} {}", detection.id, sample.name);
            tried += usize::from(sample.fires);
        }
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn it_leaves_out_what_no_detection_is_about() {
    let filter = logging_filter(&crate::testing::catalogue()).unwrap();
    for (log, service, method) in [
        (
            "activity",
            "compute.googleapis.com",
            "v1.compute.instances.insert",
        ),
        ("activity", "k8s.io", "io.k8s.core.v1.nodes.status.patch"),
        (
            "data_access",
            "storage.googleapis.com",
            "storage.objects.get",
        ),
    ] {
        let entry = serde_json::json!({
            "logName": format!("projects/demo-mart/logs/cloudaudit.googleapis.com%2F{log}"),
            "resource": {"type": "k8s_cluster"},
            "protoPayload": {"serviceName": service, "methodName": method}
        });
        assert!(!Parser::evaluate(&filter, &entry), "{method}");
    }
}

#[test]
fn it_reads_like_this() {
    let yaml = |id: &str, matches: &str| {
        format!(
            "{{id: {id}, title: t, severity: LOW, category: DENIED, attack: [], why: w, whatToDo: w,
            falsePositives: [], summary: s, match: {matches}, samples: []}}"
        )
    };
    let folder = crate::testing::Folder::new(&[
        (
            "a.one.yaml",
            &yaml(
                "a.one",
                "{log: policy_denied, service: x, method: [A.b, c.A.b]}",
            ),
        ),
        (
            "a.two.yaml",
            &yaml("a.two", "{log: policy_denied, service: x, method: D}"),
        ),
        (
            "a.three.yaml",
            &yaml(
                "a.three",
                "{log: policy_denied, service: [p, q], resource: r}",
            ),
        ),
        (
            "a.four.yaml",
            &yaml(
                "a.four",
                "{log: policy_denied, where: [{field: keyName, present: true}]}",
            ),
        ),
    ]);
    let filter = of_log(&folder.load().unwrap(), Stream::PolicyDenied).unwrap();
    insta::assert_snapshot!(filter, @r#"
    (log_id("cloudaudit.googleapis.com/policy") AND (
      protoPayload.authenticationInfo.serviceAccountKeyName:*
      OR (protoPayload.serviceName=("p" OR "q") AND resource.type="r")
      OR (protoPayload.serviceName="x" AND protoPayload.methodName:("A.b" OR "D"))
    ))
    "#);
}

#[test]
fn one_that_is_too_long_is_refused() {
    let methods: Vec<_> = (0..2000).map(|n| format!("Method{n:05}")).collect();
    let yaml = format!(
        "{{id: a.long, title: t, severity: LOW, category: DENIED, attack: [], why: w, whatToDo: w,
        falsePositives: [], summary: s, match: {{log: activity, method: [{}]}}, samples: []}}",
        methods.join(", ")
    );
    let folder = crate::testing::Folder::new(&[("a.long.yaml", &yaml)]);
    let error = logging_filter(&folder.load().unwrap()).unwrap_err();
    assert!(
        matches!(error, ExportError::TooLong { limit: LIMIT, .. }),
        "{error}"
    );
}
