use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::parse::{Form, event};
use crate::testing::{entry, patched};

static WHOLE: LazyLock<Value> = LazyLock::new(|| entry("gke-break-glass"));

/// A part of a synthetic entry with this piece of the request.
fn piece(index: usize, total: usize, request: Value) -> Vec<u8> {
    let mut part = patched(
        &WHOLE,
        &[
            ("/protoPayload/request", request),
            (
                "/split",
                json!({"uid": "demo-split-1", "totalSplits": total}),
            ),
            ("/insertId", json!(format!("gke-split-{index}"))),
        ],
    );
    if index > 0 {
        part["split"]["index"] = index.into();
    }
    part.to_string().into_bytes()
}

fn joined(pieces: &[Value]) -> Value {
    let total = pieces.len();
    let parts: Vec<_> = pieces
        .iter()
        .enumerate()
        .map(|(index, request)| piece(index, total, request.clone()))
        .collect();
    let entry: Value = serde_json::from_slice(&join(&parts).unwrap()).unwrap();
    entry["protoPayload"]["request"].clone()
}

#[test]
fn pieces_are_joined_by_their_place() {
    let request = joined(&[
        json!({"@type": "t", "a": {"b": "on", "done": true}, "list": ["one", "tw"]}),
        json!({"@type": "t", "a": {"b": "e t", "n": 1}, "list": ["", "o", "three"]}),
        json!({"a": {"b": "wo"}, "list": ["", "", "", {"image": "x"}], "more": ["y"]}),
    ]);
    assert_eq!(
        request,
        json!({
            "@type": "t", "a": {"b": "one two", "done": true, "n": 1},
            "list": ["one", "two", "three", {"image": "x"}], "more": ["y"]
        })
    );
}

#[test]
fn an_empty_text_holds_the_place_of_anything() {
    let request = joined(&[
        json!({"list": [1, true, {"a": "x"}, ["y"]]}),
        json!({"list": ["", "", "", ["", "z"], 5]}),
    ]);
    assert_eq!(
        request,
        json!({"list": [1, true, {"a": "x"}, ["y", "z"], 5]})
    );
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let parts = [
        piece(2, 3, json!({"a": "3"})),
        piece(0, 3, json!({"a": "1"})),
        piece(1, 3, json!({"a": "2"})),
    ];
    let bytes = join(&parts).unwrap();
    let event = event(&bytes, Form::LogEntry).unwrap();
    assert_eq!(event.request, Some(json!({"a": "123"})));
    assert_eq!(event.id, "gke-split-0");
    assert_eq!(part(&bytes), None);
}

#[test]
fn a_part_alone_is_no_entry() {
    let bytes = piece(1, 3, json!({}));
    assert_eq!(
        event(&bytes, Form::LogEntry),
        Err(Unreadable::Incomplete {
            uid: "demo-split-1".to_owned(),
            have: 1,
            total: 3
        })
    );
    assert_eq!(part(&bytes).unwrap().index, 1);
    assert_eq!(part(entry("gke-break-glass").to_string().as_bytes()), None);
    assert!(event(&piece(0, 1, json!({})), Form::LogEntry).is_ok());
}

#[test]
fn what_does_not_fit_together_says_why() {
    let first = || piece(0, 2, json!({}));
    let changed = |pointer: &str, value: Value| {
        let part: Value = serde_json::from_slice(&piece(1, 2, json!({}))).unwrap();
        patched(&part, &[(pointer, value)]).to_string().into_bytes()
    };
    let messages = [
        vec![],
        vec![first()],
        vec![first(), first()],
        vec![first(), b"{}".to_vec()],
        vec![first(), changed("/split/uid", json!("other"))],
        vec![first(), changed("/split/index", json!(2))],
        vec![first(), changed("/split/totalSplits", json!(3))],
        vec![first(), changed("/protoPayload/methodName", json!("x"))],
        vec![
            first(),
            changed(
                "/protoPayload/authenticationInfo/principalEmail",
                json!("x"),
            ),
        ],
        vec![piece(0, 100, json!({})), piece(1, 100, json!({}))],
        vec![vec![b' '; ENTRY_LIMIT], first()],
    ]
    .map(|parts| join(&parts).unwrap_err().to_string())
    .join("\n");
    insta::assert_snapshot!(messages, @r#"
the parts of the split entry "" do not fit together: there is none
only 1 of the 2 parts of the split entry "demo-split-1" are there
the parts of the split entry "demo-split-1" do not fit together: one is there twice
the parts of the split entry "" do not fit together: one is no part
the parts of the split entry "demo-split-1" do not fit together: they are of different entries
the parts of the split entry "demo-split-1" do not fit together: there is no place for one
the parts of the split entry "demo-split-1" do not fit together: they are of different entries
the parts of the split entry "demo-split-1" do not fit together: what is the same in all parts differs
the parts of the split entry "demo-split-1" do not fit together: what is the same in all parts differs
the parts of the split entry "demo-split-1" do not fit together: there is no place for one
it has 1050106 bytes; an entry has at most 1048576
"#);
}

fn take(assembly: &mut Assembly, bytes: &[u8]) -> Taken {
    assembly.take(&part(bytes).unwrap(), bytes)
}

#[test]
fn an_assembly_gives_an_entry_when_its_last_part_is_there() {
    let mut assembly = Assembly::new();
    let last = piece(1, 2, json!({"a": "2"}));
    assert_eq!(take(&mut assembly, &last), Taken::Kept);
    assert_eq!(take(&mut assembly, &last), Taken::Kept);
    let Taken::Complete(entry) = take(&mut assembly, &piece(0, 2, json!({"a": "1"}))) else {
        panic!("it is complete")
    };
    let event = event(&entry, Form::LogEntry).unwrap();
    assert_eq!(event.request, Some(json!({"a": "12"})));
    assert!(assembly.is_empty() && assembly.finish().is_empty());
}

#[test]
fn what_stays_incomplete_is_told() {
    let mut assembly = Assembly::new();
    let bytes = piece(1, 3, json!({}));
    take(&mut assembly, &bytes);
    let other = piece(1, 3, json!({"other": 1}));
    assert!(matches!(take(&mut assembly, &other), Taken::GivenUp(_)));
    let left = assembly.finish();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].raw, bytes);
    assert_eq!(
        left[0].reason.to_string(),
        "only 1 of the 3 parts of the split entry \"demo-split-1\" are there"
    );
}

#[test]
fn too_large_an_entry_is_given_up() {
    let mut assembly = Assembly::new();
    let half = "x".repeat(ENTRY_LIMIT / 2);
    take(&mut assembly, &piece(0, 3, json!({"a": half})));
    let taken = take(&mut assembly, &piece(1, 3, json!({"a": half})));
    let Taken::GivenUp(given_up) = taken else {
        panic!("{taken:?}")
    };
    assert!(matches!(given_up.reason, Unreadable::TooLarge(_)));
    assert!(assembly.is_empty());
}

proptest! {
    /// However a request is cut, joining gives it back.
    #[test]
    fn cuts_leave_no_trace(text in "\\PC{0,40}", at in 0usize..40, list in prop::collection::vec("[a-z]{1,8}", 1..6), cut in 0usize..6) {
        let chars: Vec<char> = text.chars().collect();
        let at = at.min(chars.len());
        let halves: [String; 2] = [chars[..at].iter().collect(), chars[at..].iter().collect()];
        let cut = cut.min(list.len());
        let rest: Vec<String> = list.iter().enumerate()
            .map(|(i, text)| if i < cut { String::new() } else { text.clone() }).collect();
        let request = joined(&[
            json!({"text": halves[0], "list": list[..cut]}),
            json!({"text": halves[1], "list": rest}),
        ]);
        prop_assert_eq!(request, json!({"text": text, "list": list}));
    }

    #[test]
    fn no_damage_panics(at in 0usize..2000, byte: u8) {
        let mut bytes = piece(1, 2, json!({"a": "2"}));
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = join(&[piece(0, 2, json!({"a": "1"})), bytes.clone()]);
        if let Some(part) = part(&bytes) {
            Assembly::new().take(&part, &bytes);
        }
    }
}
