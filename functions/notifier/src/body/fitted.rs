//! Alerts for receivers that take messages up to a size. A case that is too large is shortened: told in
//! part is better than not at all, and how many findings there are it says in any case.

use postern_core::change::Notification;
use postern_host::config::BodyFormat;
use serde_json::Value;

use super::written;

/// So many findings are tried, one after the other.
const FINDINGS: [usize; 4] = [20, 10, 4, 1];
/// If one finding is too much, so many characters of each text and so many elements of each list.
const TEXTS: [(usize, usize); 3] = [(2048, 50), (512, 20), (128, 5)];
/// What was cut off ends with it.
const ELLIPSIS: char = '…';

/// An alert in one of the forms for machines, in at most `limit` bytes, and without the characters that
/// XML has no place for: some receivers refuse a message with one of these for good.
pub(crate) fn fitted(
    format: BodyFormat,
    alert: &Notification,
    limit: usize,
) -> Result<String, Unfit> {
    let body = text(format, alert)?;
    if body.len() <= limit {
        return Ok(body);
    }
    let mut shortened = alert.clone();
    let mut shortest = body;
    let fewer = |most: &usize| *most < alert.case.findings.len();
    for findings in FINDINGS.into_iter().filter(fewer) {
        shortened.case = alert.case.shortened(findings);
        shortest = text(format, &shortened)?;
        if shortest.len() <= limit {
            return Ok(shortest);
        }
    }
    for (length, elements) in TEXTS {
        let mut body = serde_json::from_str(&shortest)?;
        cut(&mut body, length, elements);
        let body = for_xml(body.to_string());
        if body.len() <= limit {
            return Ok(body);
        }
    }
    Err(Unfit::Size(limit))
}

fn text(format: BodyFormat, alert: &Notification) -> Result<String, Unfit> {
    let body = String::from_utf8(written(format, alert)?);
    body.map(for_xml).map_err(|_| Unfit::Text)
}

/// Why an alert has no form that is taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// It cannot be written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It was not written as UTF-8.
    #[error("the alert is no text")]
    Text,
    /// However much is cut.
    #[error("the alert does not fit into {0} bytes")]
    Size(usize),
}

/// JSON with U+FFFE and U+FFFF as escapes. They stand in strings only, and those below U+0020 are
/// escaped in JSON anyway.
fn for_xml(json: String) -> String {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        json.replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff")
    } else {
        json
    }
}

/// Of lists the first elements and the last are kept: what is newest stands there.
fn cut(value: &mut Value, length: usize, elements: usize) {
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(length) {
                text.truncate(end);
                text.push(ELLIPSIS);
            }
        }
        Value::Array(items) => {
            let surplus = items.len().saturating_sub(elements);
            if surplus > 0 {
                let first = elements.saturating_sub(1);
                items.drain(first..first + surplus);
            }
            items
                .iter_mut()
                .for_each(|item| cut(item, length, elements));
        }
        Value::Object(members) => {
            members
                .values_mut()
                .for_each(|item| cut(item, length, elements));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::{hostile, hostile_texts, opened};

    fn read(body: &str) -> Value {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        let alert = opened();
        let whole = written(BodyFormat::CloudEvents, &alert).unwrap();
        let fitted = fitted(BodyFormat::CloudEvents, &alert, whole.len()).unwrap();
        assert_eq!(fitted.into_bytes(), whole);
    }

    #[test]
    fn findings_are_left_out_first_and_counted() {
        let mut alert = opened();
        let mut finding = alert.case.findings[0].clone();
        finding.summary = "x".repeat(3000);
        alert.case.findings = vec![finding; 20];
        alert.case.finding_count = 57;
        let body = read(&fitted(BodyFormat::Native, &alert, 20_000).unwrap());
        assert_eq!(body["findings"].as_array().unwrap().len(), 4);
        assert_eq!(body["findingCount"], 57);
        assert_eq!(body["findings"][0]["summary"].as_str().unwrap().len(), 3000);
    }

    #[rstest::rstest]
    fn no_text_is_too_long_for_any_form(
        #[values(
            BodyFormat::CloudEvents,
            BodyFormat::Native,
            BodyFormat::Ocsf,
            BodyFormat::Ecs
        )]
        format: BodyFormat,
    ) {
        const LIMIT: usize = 250 * 1024;
        // Of those that are too long one that JSON makes longer still is enough.
        for text in hostile_texts().into_iter().skip(7).take(2) {
            let body = fitted(format, &hostile(&text), LIMIT).unwrap();
            assert!(body.len() <= LIMIT, "{}", body.len());
            assert!(read(&body).is_object());
        }
    }

    #[test]
    fn characters_that_xml_has_no_place_for_are_escaped() {
        let text = "a\u{ffff}b\u{fffe}c\u{1}";
        let body = fitted(BodyFormat::Native, &hostile(text), 1 << 20).unwrap();
        assert!(!body.contains(['\u{ffff}', '\u{fffe}', '\u{1}']));
        assert_eq!(read(&body)["justification"], text);
    }

    #[test]
    fn what_fits_nowhere_is_said_to() {
        let error = fitted(BodyFormat::Native, &opened(), 100).unwrap_err();
        assert_eq!(error.to_string(), "the alert does not fit into 100 bytes");
    }
}
