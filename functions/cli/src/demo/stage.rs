//! What the story plays on: everything is done over HTTP, as somebody, and shown.

use std::time::Duration;

use jiff::Timestamp;
use postern_core::entry::Record;
use postern_core::image::Digest;
use postern_store::Store;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::events::break_glass_push;
use super::people::{CI, LEAD, PUSH, SignIn};
use super::registry::StandInRegistry;
use crate::embedded::ATTESTOR;
use crate::outcome::Failure;
use crate::output::print;

/// What the story plays on.
pub(crate) struct Stage {
    /// Postern, such as `http://127.0.0.1:43210`.
    pub(crate) postern: String,
    /// The image's name at the stand-in registry.
    pub(crate) image: String,
    pub(crate) registry: StandInRegistry,
    pub(crate) sign_in: SignIn,
    pub(crate) alerts: UnboundedReceiver<Value>,
    pub(crate) store: Store,
    pub(crate) client: reqwest::Client,
}

const TARGET: &str = "cloud-run:demo-project/us-central1/web";
/// How long an alert may take.
const PATIENCE: Duration = Duration::from_secs(20);

impl Stage {
    /// Asks the gate about a tag, with a reason for break-glass or without.
    pub(super) async fn decide(
        &self,
        who: &str,
        tag: &str,
        break_glass: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut body = json!({"images": [format!("{}:{tag}", self.image)], "target": TARGET});
        if let Some(justification) = break_glass {
            body["breakGlass"] = json!({"justification": justification});
        }
        let (status, decision) = self.post(who, "/v1/decisions", &body).await?;
        expect(&json!(status), &json!(200))?;
        Ok(decision)
    }

    pub(super) fn show(&self, decision: &Value) -> Result<(), Failure> {
        let decision = serde_json::from_value(decision.clone()).map_err(Failure::undetermined)?;
        let text = crate::render::decision(&decision);
        text.lines()
            .try_for_each(|line| print(format_args!("   {line}")))
    }

    /// Has CI ask for an attestation.
    pub(super) async fn attest(&self, digest: Digest) -> Result<(), Failure> {
        let image = format!("{}@{digest}", self.image);
        let body = json!({"image": image, "attestor": ATTESTOR});
        let (status, occurrence) = self.post(CI, "/v1/attestations", &body).await?;
        expect(&json!(status), &json!(201))?;
        let key = &occurrence["attestation"]["signatures"][0]["publicKeyId"];
        print(format_args!("   {ATTESTOR} signed {image}"))?;
        print(format_args!("   for {CI}, with the key {}", text(key)))
    }

    /// Delivers what the platform would log about a decision.
    pub(super) async fn push_audit_entry(
        &self,
        decision: &Value,
        justification: &str,
    ) -> Result<(), Failure> {
        let image = text(&decision["images"][0]["resolved"]);
        let push = break_glass_push(image, justification, Timestamp::now());
        let (status, _) = self.post(PUSH, "/v1/events/pubsub", &push).await?;
        expect(&json!((200..300).contains(&status)), &json!(true))?;
        print("   acknowledged only after it was written (a synthetic entry, in Google's shape)")
    }

    /// The case about the platform's entry; shown with its findings.
    pub(super) async fn case(&self) -> Result<Value, Failure> {
        let answer = self.get(LEAD, "/v1/cases").await?;
        let cases = answer["cases"].as_array().cloned().unwrap_or_default();
        let of_the_log = |case: &&Value| {
            let findings = case["findings"].as_array().into_iter().flatten();
            let mut detections = findings.map(|finding| &finding["detection"]);
            detections.any(|detection| detection == "gcp.cloud-run.break-glass")
        };
        let case = cases.iter().find(of_the_log).cloned().ok_or_else(|| {
            Failure::not_so("no case was opened for the platform's break-glass entry")
        })?;
        show_case(&case)?;
        for finding in case["findings"].as_array().into_iter().flatten() {
            print(format_args!("     {}", text(&finding["summary"])))?;
        }
        Ok(case)
    }

    /// Takes a step of the case as it stands. Returns the case after it.
    pub(super) async fn step(
        &self,
        who: &str,
        case: &Value,
        verb: &str,
        comment: &str,
    ) -> Result<Value, Failure> {
        let (status, answer) = self.try_step(who, case, verb, comment).await?;
        match status {
            200 => {
                print(format_args!("   {who}: {verb} \"{comment}\""))?;
                Ok(answer)
            }
            _ => Err(Failure::not_so(format_args!(
                "{who} should be able to {verb}, but: {answer}"
            ))),
        }
    }

    /// Takes a step that is to be refused, and shows why it was.
    pub(super) async fn refused(
        &self,
        who: &str,
        case: &Value,
        verb: &str,
        code: &str,
    ) -> Result<(), Failure> {
        let (status, problem) = self.try_step(who, case, verb, "all is well again").await?;
        expect(&json!((400..500).contains(&status)), &json!(true))?;
        expect(&problem["code"], &json!(code))?;
        print(format_args!("   {who}: {verb} is refused"))?;
        print(format_args!("     {code}: {}", text(&problem["detail"])))?;
        print(format_args!("       try: {}", text(&problem["remedy"])))
    }

    /// Waits for the alert about a case.
    pub(super) async fn alert(&mut self, case: &Value) -> Result<(), Failure> {
        let id = &case["id"];
        let wanted = async {
            while let Some(alert) = self.alerts.recv().await {
                if alert["data"]["id"] == *id {
                    return Some(alert);
                }
            }
            None
        };
        let alert = tokio::time::timeout(PATIENCE, wanted).await.ok().flatten();
        let alert = alert.ok_or_else(|| Failure::not_so("the alert did not arrive"))?;
        print(format_args!(
            "   webhook: {} {} (a CloudEvent whose data is the case)",
            text(&alert["type"]),
            text(&alert["id"]),
        ))
    }

    /// Finds the decision, and the closing of the case, in the journal.
    pub(super) async fn on_record(&self, decision: &Value, case: &Value) -> Result<(), Failure> {
        let entries = self.store.entries(0, 100).await;
        let entries = entries.map_err(Failure::undetermined)?;
        let (id, case_id) = (text(&decision["id"]), text(&case["id"]));
        let opened = entries.iter().find(|stored| match &stored.entry.record {
            Record::Decision(recorded) => recorded.id == id && recorded.break_glass.is_some(),
            _ => false,
        });
        let opened = opened.ok_or_else(|| Failure::not_so("the break-glass is not on record"))?;
        let closed = entries.iter().rfind(|stored| match &stored.entry.record {
            Record::CaseStep(step) => step.case_id == case_id && step.step.by == LEAD,
            _ => false,
        });
        let closed = closed.ok_or_else(|| Failure::not_so("the closing is not on record"))?;
        print(format_args!(
            "   {} entries; the break-glass is number {}, the closing number {}",
            entries.len(),
            opened.position,
            closed.position,
        ))?;
        print(format_args!(
            "   leaf hash of the break-glass {}",
            Digest::from_bytes(opened.leaf_hash)
        ))
    }

    async fn try_step(
        &self,
        who: &str,
        case: &Value,
        verb: &str,
        comment: &str,
    ) -> Result<(u16, Value), Failure> {
        let url = format!("{}/v1/cases/{}:{verb}", self.postern, text(&case["id"]));
        let request = self.client.post(url).json(&json!({"comment": comment}));
        let seen = format!("\"{}\"", case["revision"]);
        let request = request.header(reqwest::header::IF_MATCH, seen);
        self.answer(who, request).await
    }

    async fn get(&self, who: &str, path: &str) -> Result<Value, Failure> {
        let request = self.client.get(format!("{}{path}", self.postern));
        Ok(self.answer(who, request).await?.1)
    }

    async fn post(&self, who: &str, path: &str, body: &Value) -> Result<(u16, Value), Failure> {
        let request = self.client.post(format!("{}{path}", self.postern));
        self.answer(who, request.json(body)).await
    }

    async fn answer(
        &self,
        who: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<(u16, Value), Failure> {
        let request = request.bearer_auth(self.sign_in.token(who)?);
        let answer = request.send().await.map_err(Failure::undetermined)?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(Failure::undetermined)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

/// A case on one line.
pub(super) fn show_case(case: &Value) -> Result<(), Failure> {
    let words = ["id", "state", "category", "severity", "closedAs"];
    let words = words.map(|key| text(&case[key]));
    print(format_args!("   {}", words.join("  ").trim_end()))
}

pub(super) fn expect(found: &Value, expected: &Value) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(Failure::not_so(format_args!(
        "expected {expected}, but it was {found}"
    )))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
