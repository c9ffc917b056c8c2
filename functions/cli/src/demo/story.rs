//! The story that the demo tells: each step is done over HTTP, checked, and only then told.

use std::time::Duration;

use jiff::Timestamp;
use postern_core::entry::Record;
use postern_core::image::Digest;
use postern_store::Store;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::events::break_glass_push;
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
    pub(crate) alerts: UnboundedReceiver<Value>,
    pub(crate) store: Store,
    pub(crate) client: reqwest::Client,
}

const TARGET: &str = "cloud-run:demo-project/us-central1/web";
const JUSTIFICATION: &str = "INC-123 hotfix for the checkout";
/// How long an alert may take.
const PATIENCE: Duration = Duration::from_secs(20);

impl Stage {
    /// Tells the whole story.
    ///
    /// # Errors
    /// At the first step that did not do what it should.
    pub(crate) async fn tell(&mut self) -> Result<(), Failure> {
        let built = self.registry.push("v1", "CI of demo-project");
        title(1, "An image that nobody attested is denied")?;
        let denied = self.decide(None).await?;
        expect(&denied["allowed"], &json!(false))?;
        expect(
            &denied["images"][0]["reasons"][0]["code"],
            &json!("NO_ATTESTATION"),
        )?;
        self.show(&denied)?;

        title(2, "CI asks the attestor function to sign it, by digest")?;
        self.attest(&format!("{}@{built}", self.image)).await?;

        title(
            3,
            "Now it may be deployed: the tag is resolved once, and the answer is pinned",
        )?;
        let allowed = self.decide(None).await?;
        expect(&allowed["allowed"], &json!(true))?;
        expect(
            &allowed["images"][0]["resolved"],
            &json!(format!("{}@{built}", self.image)),
        )?;
        self.show(&allowed)?;

        title(
            4,
            "Someone with a leaked key moves the tag to a malicious image: denied",
        )?;
        let malicious = self.registry.push("v1", "somebody else");
        let denied = self.decide(None).await?;
        expect(&denied["allowed"], &json!(false))?;
        expect(
            &denied["images"][0]["resolved"],
            &json!(format!("{}@{malicious}", self.image)),
        )?;
        self.show(&denied)?;

        title(
            5,
            "At 3 a.m. someone opens the emergency door: admitted, and recorded first",
        )?;
        let opened = self.decide(Some(JUSTIFICATION)).await?;
        expect(&opened["allowed"], &json!(true))?;
        expect(&opened["breakGlass"]["ticket"], &json!("INC-123"))?;
        expect(&opened["breakGlass"]["overrode"], &json!("NON_CONFORMANT"))?;
        self.show(&opened)?;

        title(
            6,
            "The platform's audit log says so, too: the entry arrives by Pub/Sub push",
        )?;
        self.push_audit_entry(&opened).await?;

        title(
            7,
            "It is a case now, and stays one until somebody answers for it",
        )?;
        let case = self.case().await?;
        title(8, "The alert arrived where people look")?;
        self.alert(&case).await?;
        title(9, "And it is on record")?;
        self.on_record(&opened).await
    }

    async fn decide(&self, break_glass: Option<&str>) -> Result<Value, Failure> {
        let mut body = json!({"images": [format!("{}:v1", self.image)], "target": TARGET});
        if let Some(justification) = break_glass {
            body["breakGlass"] = json!({"justification": justification});
        }
        let (status, decision) = self.post("/v1/decisions", &body).await?;
        expect(&json!(status), &json!(200))?;
        Ok(decision)
    }

    fn show(&self, decision: &Value) -> Result<(), Failure> {
        let decision = serde_json::from_value(decision.clone()).map_err(Failure::undetermined)?;
        let text = crate::render::decision(&decision);
        text.lines()
            .try_for_each(|line| print(format_args!("   {line}")))
    }

    async fn attest(&self, image: &str) -> Result<(), Failure> {
        let body = json!({"image": image, "attestor": ATTESTOR});
        let (status, occurrence) = self.post("/v1/attestations", &body).await?;
        expect(&json!(status), &json!(201))?;
        let key = &occurrence["attestation"]["signatures"][0]["publicKeyId"];
        print(format_args!("   {ATTESTOR} signed {image}"))?;
        print(format_args!(
            "   with the key {}",
            key.as_str().unwrap_or_default()
        ))
    }

    async fn push_audit_entry(&self, decision: &Value) -> Result<(), Failure> {
        let image = decision["images"][0]["resolved"]
            .as_str()
            .unwrap_or_default();
        let push = break_glass_push(image, JUSTIFICATION, Timestamp::now());
        let (status, _) = self.post("/v1/events/pubsub", &push).await?;
        expect(&json!((200..300).contains(&status)), &json!(true))?;
        print("   acknowledged only after it was written (a synthetic entry, in Google's shape)")
    }

    async fn case(&self) -> Result<Value, Failure> {
        let answer = self
            .client
            .get(format!("{}/v1/cases", self.postern))
            .send()
            .await;
        let answer: Value = json_of(answer).await?.1;
        let cases = answer["cases"].as_array().cloned().unwrap_or_default();
        let of_the_log = |case: &&Value| {
            let findings = case["findings"].as_array().into_iter().flatten();
            let mut detections = findings.map(|finding| &finding["detection"]);
            detections.any(|detection| detection == "gcp.cloud-run.break-glass")
        };
        let case = cases.iter().find(of_the_log).cloned().ok_or_else(|| {
            Failure::not_so("no case was opened for the platform's break-glass entry")
        })?;
        expect(&case["state"], &json!("OPEN"))?;
        expect(&case["category"], &json!("BREAK_GLASS"))?;
        for case in &cases {
            let word = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            let head = [
                word("id"),
                word("state"),
                word("category"),
                word("severity"),
            ]
            .join("  ");
            print(format_args!("   {head}"))?;
            for finding in case["findings"].as_array().into_iter().flatten() {
                let summary = finding["summary"].as_str().unwrap_or_default();
                print(format_args!("     {summary}"))?;
            }
        }
        Ok(case)
    }

    async fn alert(&mut self, case: &Value) -> Result<(), Failure> {
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
            alert["type"].as_str().unwrap_or_default(),
            alert["id"].as_str().unwrap_or_default(),
        ))
    }

    async fn on_record(&self, decision: &Value) -> Result<(), Failure> {
        let entries = self
            .store
            .entries(0, 100)
            .await
            .map_err(Failure::undetermined)?;
        let id = decision["id"].as_str().unwrap_or_default();
        let found = entries.iter().find(|stored| match &stored.entry.record {
            Record::Decision(recorded) => recorded.id == id && recorded.break_glass.is_some(),
            _ => false,
        });
        let found = found.ok_or_else(|| Failure::not_so("the break-glass is not on record"))?;
        print(format_args!(
            "   {} entries; the break-glass is number {}",
            entries.len(),
            found.position
        ))?;
        print(format_args!(
            "   leaf hash {}",
            Digest::from_bytes(found.leaf_hash)
        ))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), Failure> {
        let url = format!("{}{path}", self.postern);
        json_of(self.client.post(url).json(body).send().await).await
    }
}

async fn json_of(
    answer: Result<reqwest::Response, reqwest::Error>,
) -> Result<(u16, Value), Failure> {
    let answer = answer.map_err(Failure::undetermined)?;
    let status = answer.status().as_u16();
    let body = answer.bytes().await.map_err(Failure::undetermined)?;
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

fn title(number: u8, text: &str) -> Result<(), Failure> {
    let bold = anstyle::Style::new().bold();
    print(format_args!("\n{bold}{number}. {text}{bold:#}"))
}

fn expect(found: &Value, expected: &Value) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(Failure::not_so(format_args!(
        "expected {expected}, but it was {found}"
    )))
}
