//! Can the attestations be read of the images that are named?

use std::collections::BTreeMap;

use postern_core::attestor::{Attestor, AttestorName};
use postern_core::image::ImageReference;
use postern_core::ports::Unavailable;
use postern_store::Store;

use super::line::Line;
use super::{Patient, in_time};
use crate::outcome::Failure;
use crate::registries::client;

const CHECK: &str = "attestations";

pub(super) async fn examine(
    patient: &Patient,
    store: Option<&Store>,
    attestors: &BTreeMap<AttestorName, Option<Attestor>>,
) -> Result<Vec<Line>, Failure> {
    let Patient {
        config,
        environment,
        images,
    } = patient;
    let parsed = images
        .iter()
        .filter_map(|image| ImageReference::parse(image).ok());
    let digests: Vec<ImageReference> = parsed.filter(|image| image.digest().is_some()).collect();
    if digests.is_empty() {
        let message = "no image is named by digest; name one with --image";
        return Ok(vec![Line::skipped(CHECK, message)]);
    }
    let registry = client(config, images, environment).await?;
    let mut lines = Vec::new();
    for word in &config.attestations {
        if word == "store" && store.is_none() {
            continue;
        }
        let source = postern_wiring::source(word, store, &registry, config, environment).await;
        let source = match source {
            Ok(source) => source,
            Err(error) => {
                let fix = "correct `attestations` in the configuration";
                lines.push(Line::fail(CHECK, word, error, fix));
                continue;
            }
        };
        for attestor in attestors.values().flatten() {
            let note = &attestor.user_owned_grafeas_note.note_reference;
            for image in &digests {
                let found = in_time(word, source.occurrences(image, note)).await;
                let found = found.map(|found| found.len());
                lines.push(judge(word, &attestor.name, image, found));
            }
        }
    }
    Ok(lines)
}

/// That there are none is no failure: it may be that nobody attested the image.
fn judge(
    word: &str,
    attestor: &AttestorName,
    image: &ImageReference,
    found: Result<usize, Unavailable>,
) -> Line {
    match found {
        Ok(found) => {
            let message = format!("{found} for {attestor} about {image}");
            Line::ok(CHECK, word, message)
        }
        Err(error) => {
            let fix = "let this identity read them there, or see to the network";
            Line::cannot_tell(CHECK, word, error, fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::general::line::shown;

    #[test]
    fn none_is_told_from_an_outage() {
        let name = "projects/demo-mart/attestors/ci".parse().unwrap();
        let image = ImageReference::parse("eu.example.com/shop/app:v1").unwrap();
        let told = |found| shown(&[judge("registry", &name, &image, found)]);
        insta::assert_snapshot!(told(Ok(0)), @"ok       attestations registry: 0 for projects/demo-mart/attestors/ci about eu.example.com/shop/app:v1");
        let down = told(Err(Unavailable::new("registry", "503")));
        assert!(down.starts_with("?        attestations registry"), "{down}");
    }
}
