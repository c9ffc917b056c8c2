use super::*;
use crate::testing::{catalogue, entry};
use postern_core::bytes::Base64;

fn detections(text: &str, all: bool) -> Vec<String> {
    let mut found = Vec::new();
    let now = "2026-03-03T10:00:00Z".parse().unwrap();
    classify_all(&catalogue(), text.as_bytes(), all, now, &mut |classified| {
        let names = classified
            .observed
            .iter()
            .map(|o| o.finding.detection.clone());
        found.push(names.collect::<Vec<_>>().join(","));
    });
    found
}

#[test]
fn every_form_of_input_gives_the_same_findings() {
    let entry = entry("cloud-run-break-glass").to_string();
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&entry).unwrap())
            .unwrap();
    let data = Base64::encode(entry.as_bytes());
    let event = format!(
        r#"{{"specversion":"1.0","type":"google.cloud.audit.log.v1.written","data":{entry}}}"#
    );
    let message = format!(r#"{{"message":{{"data":"{data}"}},"subscription":"s"}}"#);
    for (text, times) in [
        (format!("{entry}\n\n{entry}\r\n"), 2),
        (format!("[{entry},{entry}]"), 2),
        (pretty.clone(), 1),
        (format!("{pretty}\n{pretty}"), 2),
        (format!("[\n{pretty},\n{pretty}\n]"), 2),
        (message, 1),
        (event.clone(), 1),
        (format!("[{event}]"), 1),
    ] {
        assert_eq!(
            detections(&text, false),
            vec!["gcp.cloud-run.break-glass"; times],
            "{text}"
        );
    }
}

#[test]
fn a_broken_line_is_a_finding_and_the_rest_is_read() {
    let entry = entry("cloud-run-break-glass").to_string();
    let found = detections(&format!("{entry}\n{{\"logName\n{entry}"), false);
    assert_eq!(
        found,
        [
            "gcp.cloud-run.break-glass",
            "postern.audit.unreadable-entry",
            "gcp.cloud-run.break-glass"
        ]
    );
    assert_eq!(
        detections("not json", false),
        ["postern.audit.unreadable-entry"]
    );
    assert!(detections("", false).is_empty());
}

#[test]
fn entries_without_findings_are_shown_on_request() {
    let mut entry = entry("cloud-run-break-glass");
    entry["logName"] = "projects/acme-shop/logs/stdout".into();
    let text = entry.to_string();
    assert!(detections(&text, false).is_empty());
    assert_eq!(detections(&text, true), [""]);
}

#[test]
fn a_reader_that_fails_is_an_error_and_not_an_end() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("synthetic"))
        }
    }
    let mut reader = io::BufReader::new(Broken);
    let now = Timestamp::UNIX_EPOCH;
    let outcome = classify_reader(&catalogue(), &mut reader, true, now, &mut |_| Ok(()));
    assert!(outcome.is_err());
}

/// A synthetic record.
fn record(region: &str) -> serde_json::Value {
    serde_json::json!({
        "eventVersion": "1.11", "eventID": "22222222-2222-4222-8222-222222222222",
        "eventTime": "2026-03-03T03:10:00Z", "eventSource": "lambda.amazonaws.com",
        "eventName": "UpdateAlias20150331", "awsRegion": region, "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/dana"}
    })
}

fn bridged(kind: &str, detail: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "version": "0", "id": "e-1", "detail-type": kind, "source": "aws.lambda",
        "account": "111122223333", "region": "eu-west-1", "time": "2026-03-03T03:10:00Z",
        "resources": [], "detail": detail
    })
}

const CALL: &str = "AWS API Call via CloudTrail";

/// What became of each document: the log and id of its event, or why there is none.
fn outcomes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let now = "2026-03-03T10:00:00Z".parse().unwrap();
    classify_all(
        &catalogue(),
        text.as_bytes(),
        true,
        now,
        &mut |classified| {
            found.push(match classified.event {
                Some(event) => format!("{} {}", event.stream.as_str(), event.id),
                None => classified.observed[0].finding.summary.clone(),
            });
        },
    );
    found
}

#[test]
fn every_form_of_a_record_is_the_same_event() {
    let record = record("eu-west-1");
    let event = bridged(CALL, &record);
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    let entry = entry("gke-break-glass");
    for (text, times) in [
        (format!("{record}\n{record}\n"), 2),
        (format!("[{record},{event}]"), 2),
        (format!(r#"{{"Records":[{record},{record},{record}]}}"#), 3),
        (pretty, 1),
        (event.to_string(), 1),
    ] {
        let expected = vec!["cloudtrail 22222222-2222-4222-8222-222222222222"; times];
        assert_eq!(outcomes(&text), expected, "{text}");
        let opened = deliveries(text.trim().as_bytes()).unwrap();
        if opened.len() == times {
            let records = opened.iter().map(|one| one.entry.clone().unwrap());
            assert!(records.into_iter().all(|(bytes, form)| {
                form == Form::CloudTrail && crate::parse::event(&bytes, form).is_ok()
            }));
        }
    }
    // Forms may take turns.
    let mixed = outcomes(&format!("{record}\n{entry}\n{record}\n{entry}"));
    assert_eq!(
        mixed,
        [
            "cloudtrail 22222222-2222-4222-8222-222222222222",
            "activity gke-bg-1",
            "cloudtrail 22222222-2222-4222-8222-222222222222",
            "activity gke-bg-1",
        ]
    );
}

#[test]
fn the_first_member_decides_nothing() {
    let reordered = |value: &serde_json::Value, first: &str| {
        let mut members = value.as_object().unwrap().clone();
        let member = members.remove(first).unwrap();
        let rest = serde_json::Value::Object(members).to_string();
        format!(r#"{{"{first}":{member},{}"#, &rest[1..])
    };
    let (record, entry) = (record("eu-west-1"), entry("gke-break-glass"));
    for first in record.as_object().unwrap().keys() {
        let found = outcomes(&reordered(&record, first));
        assert_eq!(found, ["cloudtrail 22222222-2222-4222-8222-222222222222"]);
    }
    for first in entry.as_object().unwrap().keys() {
        assert_eq!(outcomes(&reordered(&entry, first)), ["activity gke-bg-1"]);
    }
    // Nobody who adds members to an entry makes a record of it.
    for both in ["eventVersion", "eventID"] {
        let mut entry = entry.clone();
        entry[both] = "1.11".into();
        let text = reordered(&entry, both);
        assert_eq!(outcomes(&text), ["activity gke-bg-1"]);
    }
}

#[test]
fn what_holds_no_record_says_why() {
    let other_region = bridged(CALL, &record("us-east-1"));
    let mut other_account = bridged(CALL, &record("eu-west-1"));
    other_account["account"] = "444455556666".into();
    let digest =
        serde_json::json!({"awsAccountId": "111122223333", "digestStartTime": "x", "logFiles": []});
    let text = [
        other_region,
        other_account,
        bridged(
            "EC2 Instance State-change Notification",
            &serde_json::json!({}),
        ),
        bridged(CALL, &serde_json::json!({})),
        bridged(CALL, &entry("gke-break-glass")),
        bridged(CALL, &serde_json::json!(5)),
        digest,
        serde_json::json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3"}, {}]}),
    ]
    .map(|value| value.to_string())
    .join("\n");
    insta::assert_snapshot!(outcomes(&text).join("\n"), @r#"
An audit entry could not be read: the EventBridge event names another account or region than the record in it
An audit entry could not be read: the EventBridge event names another account or region than the record in it
An audit entry could not be read: the EventBridge event of detail-type "EC2 Instance State-change Notification" holds no record
An audit entry could not be read: the EventBridge event holds no CloudTrail record
An audit entry could not be read: the EventBridge event holds no CloudTrail record
An audit entry could not be read: it is no CloudTrail record: invalid type: integer `5`, expected struct Record at line 1 column 1
An audit entry could not be read: it is a CloudTrail digest file, which holds no records; leave those out
An audit entry could not be read: a CloudTrail record cannot have the eventVersion "2.1"
An audit entry could not be read: the entry has no eventVersion
"#);
}

/// Parts of a synthetic entry; the break-glass is in the last one.
fn parts() -> [String; 3] {
    let whole = entry("gke-break-glass");
    let request = &whole["protoPayload"]["request"];
    let pieces = [
        serde_json::json!({"@type": request["@type"], "apiVersion": "v1", "kind": "Po"}),
        serde_json::json!({"kind": "d", "spec": request["spec"]}),
        serde_json::json!({"metadata": request["metadata"]}),
    ];
    let mut index = 0;
    pieces.map(|piece| {
        let mut part = whole.clone();
        part["protoPayload"]["request"] = piece;
        if index > 0 {
            part["protoPayload"]
                .as_object_mut()
                .unwrap()
                .remove("response");
        }
        part["split"] =
            serde_json::json!({"uid": "demo-split-1", "index": index, "totalSplits": 3});
        index += 1;
        part.to_string()
    })
}

#[test]
fn parts_of_an_entry_are_joined_wherever_they_stand() {
    let [first, second, third] = parts();
    let other = entry("cloud-run-break-glass");
    let found = detections(&format!("{third}\n{other}\n{first}\n[{second}]"), false);
    assert_eq!(found, ["gcp.cloud-run.break-glass", "gcp.gke.break-glass"]);
    let whole = crate::parse::event(
        entry("gke-break-glass").to_string().as_bytes(),
        Form::LogEntry,
    );
    let mut joined = None;
    let text = format!("{third}\n{first}\n{second}");
    classify_all(
        &catalogue(),
        text.as_bytes(),
        true,
        Timestamp::UNIX_EPOCH,
        &mut |one| {
            joined = one.event;
        },
    );
    assert_eq!(joined, whole.ok());
}

#[test]
fn parts_that_are_missing_at_the_end_are_a_finding() {
    let [first, _, third] = parts();
    insta::assert_snapshot!(outcomes(&format!("{third}\n{first}")).join("\n"), @r#"An audit entry could not be read: only 2 of the 3 parts of the split entry "demo-split-1" are there"#);
}

#[test]
fn a_delivery_is_bounded_and_never_lost() {
    let many = format!("[{}1]", "1,".repeat(DELIVERY_LIMIT));
    assert_eq!(deliveries(many.as_bytes()), None);
    for (body, times) in [
        ("", 1),
        ("{}", 1),
        ("[]", 0),
        ("[1,{}]", 2),
        ("[[[[[[1]]]]]]", 1),
    ] {
        let opened = deliveries(body.as_bytes()).unwrap();
        assert_eq!(opened.len(), times, "{body}");
        assert!(opened.iter().all(|one| one.entry.is_err()), "{body}");
    }
    let data = Base64::encode(b"[1,2]");
    let push = format!(r#"{{"message":{{"data":"{data}"}}}}"#);
    let raw = deliveries(push.as_bytes()).unwrap();
    assert_eq!(
        raw.iter().map(|one| one.raw.as_ref()).collect::<Vec<_>>(),
        [b"1", b"2"]
    );
}

proptest::proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..256)) {
        let _ = deliveries(&body);
    }

    #[test]
    fn no_damage_panics(at in 0usize..900, byte: u8) {
        let mut body = bridged(CALL, &record("eu-west-1")).to_string().into_bytes();
        let length = body.len();
        body[at % length] = byte;
        let _ = deliveries(&body);
    }
}

#[test]
fn a_record_of_which_something_was_left_out_is_found_however_it_is_spelled() {
    let record = |member: &str| {
        format!(
            r#"{{"eventVersion":"1.11","eventID":"synthetic-1","eventTime":"2026-03-03T03:10:00Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-west-1","recipientAccountId":"111122223333","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/dana"}},"requestParameters":{{"{member}":true}}}}"#
        )
    };
    let oversize = ["aws.cloudtrail.oversize-record"];
    assert_eq!(detections(&record("omitted"), false), oversize);
    assert_eq!(detections(&record(r"\u006fmitted"), false), oversize);
    assert!(detections(&record("dryRun"), false).is_empty());
}
