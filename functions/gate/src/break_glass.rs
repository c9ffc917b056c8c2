//! The emergency door: who may open it, and what has to be said.

use postern_core::decision::{BreakGlass, BreakGlassSource};
use postern_core::reason::Verdict;
use postern_core::request::BreakGlassRequest;
use postern_core::target::Target;
use regex::Regex;

/// What is asked of a justification, and how often the door may be used before it gets louder.
#[derive(Debug, Clone, Default)]
pub struct BreakGlassRules {
    /// Finds the ticket in a justification; without a match the door stays shut.
    pub ticket: Option<Regex>,
    /// Uses by one caller within 24 hours before it gets louder.
    pub max_per_day: Option<u32>,
}

/// A justification longer than this is cut before it is recorded.
const MAX_JUSTIFICATION: usize = 4096;

impl BreakGlassRules {
    /// The record of a use, if the request gives what the rules ask for; else a sentence that says
    /// what is missing.
    ///
    /// The markers of GKE carry no text and must admit: there, and only there, nothing is asked of
    /// the justification.
    pub(crate) fn admit(
        &self,
        request: &BreakGlassRequest,
        target: &Target,
        overrode: Verdict,
        uses_today: u32,
    ) -> Result<BreakGlass, String> {
        let justification = request.justification.as_deref().map(str::trim).map(cut);
        let must_admit = target.is_gke() && request.source != BreakGlassSource::Request;
        if !must_admit && justification.is_none_or(str::is_empty) {
            return Err("break-glass needs a justification, and it is empty".to_owned());
        }
        let ticket = self.ticket_in(justification.unwrap_or_default());
        if let (Some(pattern), None, false) = (&self.ticket, &ticket, must_admit) {
            return Err(format!(
                "the break-glass justification names no ticket (expected to match {pattern})"
            ));
        }
        Ok(BreakGlass {
            justification: justification
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            ticket,
            source: request.source,
            overrode,
            over_quota: self.max_per_day.is_some_and(|max| uses_today >= max),
        })
    }

    fn ticket_in(&self, justification: &str) -> Option<String> {
        self.ticket
            .as_ref()?
            .find(justification)
            .map(|found| found.as_str().to_owned())
    }
}

fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(MAX_JUSTIFICATION)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> BreakGlassRules {
        BreakGlassRules {
            ticket: Some(Regex::new("^INC-[0-9]+").unwrap()),
            max_per_day: Some(3),
        }
    }

    fn asked(source: BreakGlassSource, text: Option<&str>) -> BreakGlassRequest {
        BreakGlassRequest {
            justification: text.map(str::to_owned),
            source,
        }
    }

    #[test]
    fn the_ticket_is_found_and_recorded() {
        let request = asked(BreakGlassSource::Request, Some(" INC-123 hotfix "));
        let used = rules()
            .admit(&request, &Target::default(), Verdict::NonConformant, 0)
            .unwrap();
        assert_eq!(used.ticket.as_deref(), Some("INC-123"));
        assert_eq!(used.justification.as_deref(), Some("INC-123 hotfix"));
        assert!(!used.over_quota);
    }

    #[test]
    fn over_quota_still_opens_but_louder() {
        let request = asked(BreakGlassSource::Request, Some("INC-123"));
        assert!(
            rules()
                .admit(&request, &Target::default(), Verdict::NonConformant, 3)
                .unwrap()
                .over_quota
        );
    }

    #[test]
    fn no_ticket_and_no_text_keep_it_shut() {
        for text in ["", "   ", "please"] {
            let request = asked(BreakGlassSource::Annotation, Some(text));
            assert!(
                rules()
                    .admit(&request, &Target::default(), Verdict::NonConformant, 0)
                    .is_err(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_markers_of_gke_must_admit() {
        let gke = "gke:us-central1-a.prod/default".parse().unwrap();
        for source in [BreakGlassSource::Label, BreakGlassSource::Annotation] {
            for text in [None, Some("no ticket")] {
                let request = asked(source, text);
                let used = rules()
                    .admit(&request, &gke, Verdict::Undetermined, 0)
                    .unwrap();
                assert_eq!((used.justification.as_deref(), used.ticket), (text, None));
            }
        }
        let request = asked(BreakGlassSource::Request, None);
        assert!(
            rules()
                .admit(&request, &gke, Verdict::Undetermined, 0)
                .is_err()
        );
    }
}
