//! AWS: does a trail record it, and does a rule of EventBridge pass it on?

use serde_json::{Value, json};

use super::Gap;
use super::answer::Answer;
use super::pattern;
use super::plan::{Known, Plan, Resource};

/// In this state a rule gets calls that only read as well.
const WITH_READS: &str = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

/// What a plan says about AWS.
#[derive(Debug)]
pub(super) struct Setup {
    trails: Vec<Trail>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Trail {
    address: String,
    logging: Known<bool>,
    everywhere: Known<bool>,
    global: Known<bool>,
    basic: Vec<Value>,
    advanced: Vec<Value>,
    unknown: bool,
}

#[derive(Debug)]
struct Rule {
    address: String,
    state: String,
    bus: String,
    targets: bool,
    /// The pattern, or why it is not known.
    pattern: Result<Value, String>,
}

impl Setup {
    /// `None` if the plan says nothing about AWS.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        plan.all().find(|r| r.kind.starts_with("aws_"))?;
        let targets: Vec<_> = plan.of(&["aws_cloudwatch_event_target"]).collect();
        Some(Self {
            trails: plan.of(&["aws_cloudtrail"]).map(Trail::of).collect(),
            rules: plan
                .of(&["aws_cloudwatch_event_rule"])
                .map(|rule| Rule::of(rule, &targets, plan))
                .collect(),
        })
    }

    /// What is in the way of such a record: no trail that writes it, or no rule that passes it on.
    pub(super) fn gaps(&self, record: &Value) -> Vec<Gap> {
        let trails = self.trails.iter().map(|trail| trail.records(record));
        let recorded = first(trails, || {
            Gap::blind(
                "no trail stands in the plan",
                "resource \"aws_cloudtrail\" \"all\" {\n  name                  = \"all\"\n  s3_bucket_name        = \"BUCKET\"\n  is_multi_region_trail = true\n}",
            )
        });
        let event = event(record);
        // A rule about something else is in nobody's way.
        let asking = self
            .rules
            .iter()
            .filter(|rule| rule.asks(&event) != Answer::No);
        let routed = first(asking.map(|rule| rule.passes_on(record, &event)), || {
            let (source, name) = (&event["source"], &record["eventName"]);
            let remedy = format!(
                "resource \"aws_cloudwatch_event_rule\" \"postern\" {{\n  name          = \"postern\"\n  state         = \"{WITH_READS}\"\n  event_pattern = jsonencode({{\n    source        = [{source}]\n    \"detail-type\" = [{}]\n    detail        = {{ eventName = [{name}] }}\n  }})\n}}",
                event["detail-type"]
            );
            let name = name.as_str().unwrap_or_default();
            let service = record["eventSource"].as_str().unwrap_or_default();
            Gap::blind(
                format!("no rule of EventBridge asks for {name} of {service}"),
                remedy,
            )
        });
        recorded.into_iter().chain(routed).collect()
    }
}

/// Nothing if one of them lets it through; else what is in the way of each, or of all.
fn first(each: impl Iterator<Item = Option<Gap>>, none: impl FnOnce() -> Gap) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for gap in each {
        match gap {
            None => return Vec::new(),
            Some(gap) => gaps.push(gap),
        }
    }
    if gaps.is_empty() {
        gaps.push(none());
    }
    let uncertain = |gap: &Gap| gap.state == super::State::CannotTell;
    if gaps.iter().any(uncertain) {
        gaps.retain(uncertain);
    }
    gaps
}

impl Trail {
    fn of(resource: &Resource) -> Self {
        Self {
            address: resource.address.clone(),
            logging: resource.flag("enable_logging", true),
            everywhere: resource.flag("is_multi_region_trail", false),
            global: resource.flag("include_global_service_events", true),
            basic: resource.blocks("event_selector").to_vec(),
            advanced: resource.blocks("advanced_event_selector").to_vec(),
            unknown: ["event_selector", "advanced_event_selector"]
                .iter()
                .any(|name| resource.has_unknown(name)),
        }
    }

    fn records(&self, record: &Value) -> Option<Gap> {
        let address = &self.address;
        let blind = |why: &str, remedy: &str| {
            Some(Gap::blind(
                format!("{address} {why}"),
                format!("in {address}: {remedy}"),
            ))
        };
        if self.logging == Known::Is(false) {
            return blind("is switched off", "enable_logging = true");
        }
        if self.everywhere == Known::Is(false) {
            return blind("records one region only", "is_multi_region_trail = true");
        }
        let source = record["eventSource"].as_str().unwrap_or_default();
        let global = matches!(
            source,
            "iam.amazonaws.com" | "sts.amazonaws.com" | "signin.amazonaws.com"
        );
        if global && self.global == Known::Is(false) {
            return blind(
                "leaves global services out",
                "include_global_service_events = true",
            );
        }
        let later = [self.logging, self.everywhere].contains(&Known::Later);
        if later || self.unknown {
            return Some(Gap::cannot_tell(format!(
                "{address} is known only after the plan is applied"
            )));
        }
        match self.selected(record) {
            Answer::Yes => None,
            Answer::Unknown(why) => Some(Gap::cannot_tell(format!("{address}: {why}"))),
            Answer::No => {
                let reads = is_read(record);
                blind(
                    &format!(
                        "does not record {} of {source}",
                        if reads { "reads" } else { "writes" }
                    ),
                    "event_selector {\n  read_write_type           = \"All\"\n  include_management_events = true\n}, without exclude_management_event_sources",
                )
            }
        }
    }

    fn selected(&self, record: &Value) -> Answer {
        let management = record["managementEvent"] != false;
        if !self.advanced.is_empty() {
            return self.advanced.iter().fold(Answer::No, |any, selector| {
                any.or(advanced(selector, record, management))
            });
        }
        if self.basic.is_empty() {
            return Answer::of(management);
        }
        self.basic.iter().fold(Answer::No, |any, selector| {
            any.or(basic(selector, record, management))
        })
    }
}

fn basic(selector: &Value, record: &Value, management: bool) -> Answer {
    let kind = selector["read_write_type"].as_str().unwrap_or("All");
    let wanted = match kind {
        "WriteOnly" => !is_read(record),
        "ReadOnly" => is_read(record),
        _ => true,
    };
    if !management {
        let some = selector["data_resource"]
            .as_array()
            .is_some_and(|r| !r.is_empty());
        return match some && wanted {
            true => Answer::Unknown("which data events it selects is not evaluated".to_owned()),
            false => Answer::No,
        };
    }
    let excluded = selector["exclude_management_event_sources"].as_array();
    let excluded = excluded.is_some_and(|sources| sources.contains(&record["eventSource"]));
    Answer::of(wanted && selector["include_management_events"] != false && !excluded)
}

/// All of its field selectors.
fn advanced(selector: &Value, record: &Value, management: bool) -> Answer {
    let fields = selector["field_selector"].as_array().into_iter().flatten();
    fields.fold(Answer::Yes, |all, field| {
        let value = match field["field"].as_str() {
            Some("eventCategory") => {
                Some(if management { "Management" } else { "Data" }.to_owned())
            }
            Some("readOnly") => Some(is_read(record).to_string()),
            Some(name @ ("eventSource" | "eventName" | "eventType")) => {
                record[name].as_str().map(str::to_owned)
            }
            _ => None,
        };
        all.and(match value {
            Some(value) => field_holds(field, &value),
            None => Answer::Unknown(format!("a selector by {} is not evaluated", field["field"])),
        })
    })
}

fn field_holds(field: &Value, value: &str) -> Answer {
    let list = |name: &str| field[name].as_array().map_or(&[][..], Vec::as_slice);
    let some = |name: &str, holds: fn(&str, &str) -> bool| {
        list(name)
            .iter()
            .filter_map(Value::as_str)
            .any(|text| holds(value, text))
    };
    let positive = [
        ("equals", (|a, b| a == b) as fn(&str, &str) -> bool),
        ("starts_with", |a, b| a.starts_with(b)),
        ("ends_with", |a, b| a.ends_with(b)),
    ];
    let negative = [
        ("not_equals", (|a, b| a == b) as fn(&str, &str) -> bool),
        ("not_starts_with", |a, b| a.starts_with(b)),
        ("not_ends_with", |a, b| a.ends_with(b)),
    ];
    let asked = positive.iter().any(|(name, _)| !list(name).is_empty());
    let wanted = !asked || positive.iter().any(|(name, holds)| some(name, *holds));
    let refused = negative.iter().any(|(name, holds)| some(name, *holds));
    Answer::of(wanted && !refused)
}

impl Rule {
    fn of(resource: &Resource, targets: &[&Resource], plan: &Plan) -> Self {
        let name = resource.text("name");
        let aims = |target: &&&Resource| match (target.text("rule"), name) {
            (Known::Is(rule), Known::Is(name)) => rule == name,
            _ => target
                .references("rule")
                .flat_map(|base| plan.at(base))
                .any(|rule| rule.address == resource.address),
        };
        let text = |name: &str, otherwise: &str| match resource.text(name) {
            Known::Is(text) => text.to_owned(),
            _ => otherwise.to_owned(),
        };
        let switched_off = resource.flag("is_enabled", true) == Known::Is(false);
        let pattern = match resource.text("event_pattern") {
            Known::Is(text) => {
                serde_json::from_str(text).map_err(|_| "its pattern is not JSON".to_owned())
            }
            // It runs by a schedule.
            Known::Absent => Ok(json!({"source": []})),
            Known::Later => Err("its pattern is known only after the plan is applied".to_owned()),
        };
        Self {
            address: resource.address.clone(),
            state: if switched_off {
                "DISABLED".to_owned()
            } else {
                text("state", "ENABLED")
            },
            bus: text("event_bus_name", "default"),
            targets: targets.iter().any(|target| aims(&target)),
            pattern,
        }
    }

    /// Whether its pattern has such events.
    fn asks(&self, event: &Value) -> Answer {
        match &self.pattern {
            Ok(pattern) => pattern::matches(pattern, event),
            Err(why) => Answer::Unknown(why.clone()),
        }
    }

    fn passes_on(&self, record: &Value, event: &Value) -> Option<Gap> {
        let address = &self.address;
        let name = record["eventName"].as_str().unwrap_or_default();
        let blind = |why: &str, remedy: String| {
            Some(Gap::blind(
                format!("{address} {why}"),
                format!("in {address}: {remedy}"),
            ))
        };
        if self.state == "DISABLED" {
            return blind("is disabled", format!("state = \"{WITH_READS}\""));
        }
        if self.bus != "default" {
            return blind(
                "listens on a bus that CloudTrail does not write to",
                "event_bus_name = \"default\"".to_owned(),
            );
        }
        if let Answer::Unknown(why) = self.asks(event) {
            return Some(Gap::cannot_tell(format!("{address}: {why}")));
        }
        if is_read(record) && self.state != WITH_READS {
            return blind(
                &format!("gets no calls that only read, and {name} counts as one"),
                format!("state = \"{WITH_READS}\""),
            );
        }
        if !self.targets {
            return blind(
                "has no target",
                "resource \"aws_cloudwatch_event_target\" with this rule and the ARN of Postern's queue or function".to_owned(),
            );
        }
        None
    }
}

fn is_read(record: &Value) -> bool {
    record["readOnly"] == true || record["readOnly"] == "true"
}

/// The record as EventBridge would have it.
fn event(record: &Value) -> Value {
    let source = record["eventSource"].as_str().unwrap_or_default();
    let source = source.strip_suffix(".amazonaws.com").unwrap_or(source);
    let kind = match record["eventType"].as_str() {
        Some("AwsServiceEvent") => "AWS Service Event via CloudTrail",
        Some("AwsConsoleSignIn") => "AWS Console Sign In via CloudTrail",
        Some("AwsConsoleAction") => "AWS Console Action via CloudTrail",
        _ => "AWS API Call via CloudTrail",
    };
    json!({
        "version": "0", "id": "", "source": format!("aws.{source}"), "detail-type": kind,
        "account": record["recipientAccountId"], "region": record["awsRegion"],
        "time": record["eventTime"], "resources": [], "detail": record,
    })
}
