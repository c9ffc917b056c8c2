//! `postern audit rules show`.

use postern_auditor::detection::{Catalogue, Detection};

use super::word;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

pub(super) fn show(catalogue: &Catalogue, id: &str) -> Outcome {
    let detection = catalogue.get(id).ok_or_else(|| {
        Failure::mistake(format_args!("there is no detection {id:?}"))
            .remedy("postern audit rules list")
    })?;
    output::print(explanation(detection)?)?;
    Ok(Exit::Done)
}

fn explanation(detection: &Detection) -> Result<String, Failure> {
    let mut text = format!(
        "{}\n{}\n\nSeverity  {}\n",
        detection.id,
        detection.title,
        severities(detection)?
    );
    text += &format!("Category  {}\n", word(&detection.category)?);
    if !detection.attack.is_empty() {
        text += &format!("ATT&CK    {}\n", detection.attack.join(", "));
    }
    text += &format!("\nWhy it matters\n  {}\n", detection.why.trim());
    text += &format!("\nWhat to do\n  {}\n", detection.what_to_do.trim());
    if !detection.false_positives.is_empty() {
        text += &format!(
            "\nFalse alarms\n  {}\n",
            detection.false_positives.join("\n  ")
        );
    }
    let samples = detection.samples.bytes().map_err(Failure::undetermined)?;
    for (fires, title) in [(true, "Fires on"), (false, "Does not fire on")] {
        let names: Vec<_> = samples
            .iter()
            .filter(|(s, _)| s.fires == fires)
            .map(|(s, _)| s.name.as_str())
            .collect();
        if !names.is_empty() {
            text += &format!("\n{title}\n  {}\n", names.join("\n  "));
        }
    }
    Ok(text.trim_end().to_owned())
}

fn severities(detection: &Detection) -> Result<String, Failure> {
    let mut lines = vec![word(&detection.severity)?];
    for (severity, when) in detection.severities_in_words() {
        let severity = severity.map_or(Ok("one step up".to_owned()), |s| word(&s))?;
        lines.push(format!("{severity} {when}"));
    }
    Ok(lines.join("\n          "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_severities_are_explained() {
        let catalogue = Catalogue::embedded().unwrap();
        let of = |id: &str| severities(catalogue.get(id).unwrap()).unwrap();
        insta::assert_snapshot!(of("gcp.kms.key-version-destroyed"), @r#"
        HIGH
                  LOW if the call was refused
                  CRITICAL if resource or request.cryptoKeyVersion.name or request.name is one of your `keys`
                  LOW if `keys` are configured
                  LOW if response.algorithm is "GOOGLE_SYMMETRIC_ENCRYPTION"
        "#);
        insta::assert_snapshot!(of("gcp.gke.break-glass"), @r"
        HIGH
                  MEDIUM if the call was refused
                  one step up if justification is not there
        ");
    }
}
