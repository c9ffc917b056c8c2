//! The story that the demo tells: each step is done, checked, and only then told.

use serde_json::{Value, json};

use super::people::{CI, LEAD, ONCALL};
use super::stage::{Stage, expect, show_case};
use crate::outcome::Failure;
use crate::output::print;

const JUSTIFICATION: &str = "INC-123 hotfix for the checkout";

impl Stage {
    /// Tells the whole story.
    ///
    /// # Errors
    /// At the first step that did not do what it should.
    pub(crate) async fn tell(&mut self) -> Result<(), Failure> {
        self.deploy().await?;
        let hotfix = self.registry.push("hotfix", "the one on call, on a laptop");
        let opened = self.break_glass().await?;

        title(
            7,
            "It is a case now, and the alert arrives where people look",
        )?;
        let case = self.case().await?;
        expect(&case["state"], &json!("OPEN"))?;
        expect(&case["category"], &json!("BREAK_GLASS"))?;
        self.alert(&case).await?;

        title(
            8,
            "Another takes it; who did it says why, and does not end it",
        )?;
        let case = self
            .step(LEAD, &case, "acknowledge", "looking at it")
            .await?;
        let why = "the checkout was down and CI too slow, INC-123";
        let case = self.step(ONCALL, &case, "justify", why).await?;
        self.refused(ONCALL, &case, "close", "OWN_CASE").await?;

        title(
            9,
            "Nor does anybody else, as long as the hotfix runs unattested",
        )?;
        self.refused(LEAD, &case, "close", "NOT_ATTESTED_OR_REPLACED")
            .await?;

        title(
            10,
            "CI builds the same and has it signed: now it is verified, and closed",
        )?;
        self.attest(hotfix).await?;
        let words = "CI has built and attested it";
        let closed = self.step(LEAD, &case, "close", words).await?;
        expect(&closed["state"], &json!("CLOSED"))?;
        expect(&closed["closedAs"], &json!("ATTESTED"))?;
        show_case(&closed)?;

        title(
            11,
            "It is on record, and the malicious image is denied as ever",
        )?;
        self.on_record(&opened, &closed).await?;
        let denied = self.decide(CI, "v1", None).await?;
        expect(&denied["verdict"], &json!("NON_CONFORMANT"))?;
        expect(&denied["allowed"], &json!(false))
    }

    /// By day: what CI built goes through, and nothing else.
    async fn deploy(&self) -> Result<(), Failure> {
        let built = self.registry.push("v1", "CI of demo-project");
        title(1, "An image that nobody attested is denied")?;
        let denied = self.decide(CI, "v1", None).await?;
        expect(&denied["allowed"], &json!(false))?;
        let reasons = &denied["images"][0]["reasons"];
        expect(&reasons[0]["code"], &json!("NO_ATTESTATION"))?;
        self.show(&denied)?;

        title(2, "CI asks the attestor function to sign it, by digest")?;
        self.attest(built).await?;

        title(
            3,
            "Now it may be deployed: the tag is resolved once, and the answer is pinned",
        )?;
        let allowed = self.decide(CI, "v1", None).await?;
        expect(&allowed["allowed"], &json!(true))?;
        let pinned = json!(format!("{}@{built}", self.image));
        expect(&allowed["images"][0]["resolved"], &pinned)?;
        self.show(&allowed)?;

        title(
            4,
            "Someone with a leaked key moves the tag to a malicious image: denied",
        )?;
        let malicious = self.registry.push("v1", "somebody else");
        let denied = self.decide(CI, "v1", None).await?;
        expect(&denied["allowed"], &json!(false))?;
        let moved = json!(format!("{}@{malicious}", self.image));
        expect(&denied["images"][0]["resolved"], &moved)?;
        self.show(&denied)
    }

    /// By night: what CI did not build goes through, too, and not unseen.
    async fn break_glass(&self) -> Result<Value, Failure> {
        title(
            5,
            "At 3 a.m. someone opens the emergency door for a hotfix: admitted, and recorded first",
        )?;
        let opened = self.decide(ONCALL, "hotfix", Some(JUSTIFICATION)).await?;
        expect(&opened["allowed"], &json!(true))?;
        expect(&opened["breakGlass"]["ticket"], &json!("INC-123"))?;
        expect(&opened["breakGlass"]["overrode"], &json!("NON_CONFORMANT"))?;
        self.show(&opened)?;

        title(
            6,
            "The platform's audit log says so, too: the entry arrives by Pub/Sub push",
        )?;
        self.push_audit_entry(&opened, JUSTIFICATION).await?;
        Ok(opened)
    }
}

fn title(number: u8, text: &str) -> Result<(), Failure> {
    let bold = anstyle::Style::new().bold();
    print(format_args!("\n{bold}{number}. {text}{bold:#}"))
}
