//! Entries that were split.

use super::*;

/// Both parts of a break-glass on GKE, whose request was cut in two. Synthetic.
fn parts() -> [serde_json::Value; 2] {
    let part = |index: u64, request: serde_json::Value| {
        patched(
            &entry("gke-break-glass"),
            &[
                ("/insertId", format!("gke-bg-1-{index}").into()),
                (
                    "/split",
                    serde_json::json!({"uid": "synthetic-split", "index": index, "totalSplits": 2}),
                ),
                ("/protoPayload/request", request),
            ],
        )
    };
    let whole = entry("gke-break-glass")["protoPayload"]["request"].clone();
    let mut metadata = whole.clone();
    metadata.as_object_mut().unwrap().remove("spec");
    [
        part(0, metadata),
        part(1, serde_json::json!({"spec": whole["spec"]})),
    ]
}

#[tokio::test]
async fn a_split_entry_is_read_when_its_last_part_is_there_in_whichever_order() {
    for order in [[0, 1], [1, 0]] {
        let (auditor, store) = auditor(Believed::default());
        let parts = parts();
        let mut received = Vec::new();
        for index in [order[0], order[0], order[1]] {
            let raw = parts[index].to_string();
            let outcome = auditor
                .receive(raw.as_bytes(), "test", Form::LogEntry)
                .await;
            received.push(outcome.unwrap());
        }
        let raw = parts[0].to_string();
        let again = auditor.receive(raw.as_bytes(), "test", Form::LogEntry);
        received.push(again.await.unwrap());
        let expected = [
            Received::Kept,
            Received::Kept,
            Received::Recorded(1),
            Received::Known,
        ];
        assert_eq!(received, expected);
        store.with(|state| {
            let case = state.cases.values().next().unwrap();
            assert_eq!(case.findings[0].detection, "gcp.gke.break-glass");
            assert_eq!(case.findings[0].images.len(), 1, "from the second part");
            assert!(state.parts.iter().all(|part| part.raw.is_empty()));
        });
    }
}
