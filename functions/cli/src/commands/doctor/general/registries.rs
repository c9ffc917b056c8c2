//! Do the registries let us in, and do they have the images that are named?

use std::collections::BTreeSet;

use postern_core::image::ImageReference;
use postern_core::ports::{ImageResolver as _, ResolvedImage, Unavailable};
use postern_registry::Ping;

use super::clock::Compared;
use super::line::Line;
use super::{Patient, in_time};
use crate::data::now;
use crate::outcome::Failure;
use crate::registries::client;

const REGISTRY: &str = "registry";
const IMAGE: &str = "image";

/// Lines, and what time it was by the clocks of the registries.
pub(super) async fn examine(patient: &Patient) -> Result<(Vec<Line>, Vec<Compared>), Failure> {
    let Patient {
        config,
        environment,
        images,
    } = patient;
    let parse = |image: &String| {
        ImageReference::parse(image).map_err(|error| {
            Failure::mistake(error).remedy("write HOST/PATH@sha256:… or HOST/PATH:TAG")
        })
    };
    let parsed: Vec<ImageReference> = images.iter().map(parse).collect::<Result<_, _>>()?;
    let listed = config
        .registries
        .iter()
        .map(|registry| registry.host.clone());
    let named = parsed.iter().map(|image| image.registry().to_owned());
    let hosts: BTreeSet<String> = listed.chain(named).collect();
    if hosts.is_empty() {
        let message = "`registries` names none; name an image with --image";
        return Ok((vec![Line::skipped(REGISTRY, message)], Vec::new()));
    }
    let registry = client(config, images, environment).await?;
    let (mut lines, mut clocks) = (Vec::new(), Vec::new());
    for host in hosts {
        let ping = in_time(&host, registry.ping(&host)).await;
        if let Ok(Ping {
            date: Some(theirs), ..
        }) = ping
        {
            clocks.push(Compared {
                whose: format!("registry {host}"),
                theirs,
                ours: now(),
            });
        }
        lines.push(of_registry(&host, ping));
    }
    for image in &parsed {
        let resolved = in_time(image.registry(), registry.resolve(image)).await;
        lines.push(of_image(image, resolved));
    }
    Ok((lines, clocks))
}

fn of_registry(host: &str, ping: Result<Ping, Unavailable>) -> Line {
    match ping {
        Ok(Ping { refused: None, .. }) => Line::ok(REGISTRY, host, "it lets us in"),
        Ok(Ping {
            refused: Some(why), ..
        }) => Line::fail(
            REGISTRY,
            host,
            why,
            "correct its `credential` in `registries`, or docker login",
        ),
        Err(error) => {
            let fix = "see to its `credential` in `registries`, or to the network";
            Line::cannot_tell(REGISTRY, host, error, fix)
        }
    }
}

fn of_image(image: &ImageReference, resolved: Result<Option<ResolvedImage>, Unavailable>) -> Line {
    match resolved {
        Ok(Some(resolved)) => Line::ok(IMAGE, image, resolved.digest),
        Ok(None) => {
            let message = "the registry has no such image, or does not show it to us";
            Line::fail(IMAGE, image, message, "push it, or correct its name")
        }
        Err(error) => {
            let fix = "let this identity read the repository (roles/artifactregistry.reader, or docker login)";
            Line::cannot_tell(IMAGE, image, error, fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::general::line::shown;

    #[test]
    fn who_is_let_in_is_told_from_who_is_not_and_from_an_outage() {
        let told = |ping| shown(&[of_registry("eu.example.com", ping)]);
        let ping = |refused: Option<&str>| {
            Ok(Ping {
                refused: refused.map(str::to_owned),
                date: None,
            })
        };
        insta::assert_snapshot!(told(ping(None)), @"ok       registry eu.example.com: it lets us in");
        insta::assert_snapshot!(told(ping(Some("it answered 403"))), @"
        FAIL     registry eu.example.com: it answered 403
                 fix: correct its `credential` in `registries`, or docker login
        ");
        assert!(told(Err(Unavailable::new("x", "503"))).starts_with("?  "));
        let image = ImageReference::parse("eu.example.com/shop/app:v1").unwrap();
        assert!(shown(&[of_image(&image, Ok(None))]).starts_with("FAIL"));
        let down = Err(Unavailable::new("x", "503"));
        assert!(shown(&[of_image(&image, down)]).starts_with("?  "));
    }
}
