//! What a configuration of the right shape can still get wrong.

mod access;
mod alerts;
mod aws;
mod cases;
mod forward;
mod registries;
mod terraform;

use std::net::SocketAddr;

use postern_core::ledger::checkpoint::check_origin;
use regex::Regex;

use super::path::{Place, at};
use super::shape::Shaped;
use super::store;
use crate::config::{Config, SecretReference};
use crate::environment::{Environment, Platform};
use crate::secret;

/// What is wrong, and where in the configuration.
type Findings = Vec<(Place, String)>;

/// Finds every mistake in what a configuration means.
pub(super) fn check(
    config: &Config,
    platform: Platform,
    environment: &dyn Environment,
    shaped: &Shaped,
) -> Findings {
    let mut findings = Findings::new();
    if let Some(message) = store::check(config, platform) {
        findings.push((at("store"), message));
    }
    listen(config, &mut findings);
    sources(config, &mut findings);
    gate(config, &mut findings);
    cases::check(config, &mut findings);
    forward::check(config, &mut findings);
    signers(config, &mut findings);
    ledger(config, environment, &mut findings);
    if let Some(wrapping) = &config.trust.keys.wrapping_key {
        let place = at("trust").key("keys").key("wrappingKey");
        secret(wrapping, place, environment, &mut findings);
    }
    aws::check(&config.aws, &mut findings);
    access::check(&config.auth, platform, &mut findings);
    registries::check(&config.registries, environment, &mut findings);
    alerts::check(config, environment, shaped, &mut findings);
    terraform::check(&config.terraform, platform, environment, &mut findings);
    findings
}

fn listen(config: &Config, findings: &mut Findings) {
    let Some(listen) = &config.listen else { return };
    let Ok(address) = listen.parse::<SocketAddr>() else {
        let message = "this should be an address and a port, such as `127.0.0.1:8080`".to_owned();
        return findings.push((at("listen"), message));
    };
    let auth = &config.auth;
    let nobody = [
        &auth.gate,
        &auth.attestor,
        &auth.trust,
        &auth.auditor,
        &auth.cases,
    ]
    .iter()
    .all(|a| a.is_none());
    let certificates = config
        .gate
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca.is_some());
    if !address.ip().is_loopback() && nobody && !certificates {
        let message = "`auth` is not configured, so only loopback may be listened on: add `auth`, \
                       or listen on 127.0.0.1";
        findings.push((at("listen"), message.to_owned()));
    }
}

fn sources(config: &Config, findings: &mut Findings) {
    for (index, source) in config.attestations.iter().enumerate() {
        let wrong = match source.split_once(':') {
            Some(("containeranalysis", name)) => !is_project(name),
            Some(("store", path)) => path.is_empty(),
            Some((_, rest)) => rest.starts_with("//"),
            None => source.is_empty(),
        };
        if wrong {
            let message = "attestations are looked for in `store`, `store:DIR`, `registry`, \
                           `containeranalysis:projects/ID` or a file";
            findings.push((at("attestations").index(index), message.to_owned()));
        }
    }
    for (name, value) in [
        ("policy", &config.policy),
        ("systemPolicy", &config.system_policy),
        ("attestors", &config.attestors),
    ] {
        if value.as_deref().is_some_and(str::is_empty) {
            findings.push((at(name), "this is empty: leave it out".to_owned()));
        }
    }
}

fn is_project(name: &str) -> bool {
    name.strip_prefix("projects/")
        .is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

fn gate(config: &Config, findings: &mut Findings) {
    if config.gate.max_concurrency == 0 {
        let message = "no request would ever be let in: use at least 1".to_owned();
        findings.push((at("gate").key("maxConcurrency"), message));
    }
    for (index, written) in config.gate.observe.iter().enumerate() {
        if !may_be_a_target(written) {
            let message = "this should be a target, such as `cloud-run:demo-project/*`, with `*` for any \
                           characters";
            findings.push((at("gate").key("observe").index(index), message.to_owned()));
        }
    }
    let ticket = config.break_glass.ticket.as_deref();
    pattern(ticket, at("breakGlass").key("ticket"), findings);
}

/// Whether any target can match this: its platform is one that there is, or stars stand for it.
fn may_be_a_target(pattern: &str) -> bool {
    let platform = pattern.split(':').next().unwrap_or_default();
    let known = [
        "cloud-run",
        "cloud-run-job",
        "cloud-run-worker-pool",
        "gke",
        "lambda",
        "ecs",
    ];
    let platform_is_known = known.contains(&platform) || platform.contains('*');
    platform_is_known && !pattern.contains(char::is_whitespace)
}

fn pattern(text: Option<&str>, place: Place, findings: &mut Findings) {
    if let Some(Err(error)) = text.map(Regex::new) {
        let text = error.to_string();
        let reason = text
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        findings.push((place, format!("this is no regular expression: {reason}")));
    }
}

fn signers(config: &Config, findings: &mut Findings) {
    for (index, signer) in config.attestor.signers.iter().enumerate() {
        let here = at("attestor").key("signers").index(index);
        if signer.callers.is_empty() {
            let message = "nobody could ask: name the callers' e-mail addresses or subjects";
            findings.push((here.key("callers"), message.to_owned()));
        }
        if signer.repositories.is_empty() {
            let message = "nothing could be signed: name the repositories, such as \
                           `us-docker.pkg.dev/PROJECT/REPO/*`";
            findings.push((here.key("repositories"), message.to_owned()));
        }
        if let Err(message) = key(&signer.key) {
            findings.push((here.key("key"), message));
        }
        let to = signer.to.as_deref();
        if !matches!(to, None | Some("store" | "registry")) {
            findings.push((
                here.key("to"),
                "this is one of `store`, `registry`".to_owned(),
            ));
        }
    }
}

fn ledger(config: &Config, environment: &dyn Environment, findings: &mut Findings) {
    let here = at("ledger");
    if let Err(error) = check_origin(&config.ledger.origin) {
        findings.push((here.key("origin"), error.to_string()));
    }
    let Some(reference) = &config.ledger.key else {
        if !config.ledger.anchors.is_empty() {
            let message = "nothing is signed here that could be kept: name a key, `ledger.key`";
            findings.push((here.key("anchors"), message.to_owned()));
        }
        return;
    };
    for (index, previous) in config.ledger.previous_keys.iter().enumerate() {
        let place = here.key("previousKeys").index(index);
        secret(previous, place, environment, findings);
    }
    match key(reference) {
        Err(message) => findings.push((here.key("key"), message)),
        Ok(())
            if ["awskms:", "gcpkms:"]
                .iter()
                .any(|kms| reference.starts_with(kms)) => {}
        Ok(()) => {
            let secret_key = SecretReference(reference.clone());
            secret(&secret_key, here.key("key"), environment, findings);
        }
    }
}

/// Keys are references, too, and the one kind of secret that a KMS may hold.
fn key(reference: &str) -> Result<(), String> {
    match reference.split_once(':') {
        Some(("env" | "file", rest)) if !rest.is_empty() => Ok(()),
        Some(("awskms", rest)) if rest.starts_with("///") && rest.len() > 3 => Ok(()),
        Some(("gcpkms", rest)) if rest.starts_with("//projects/") => Ok(()),
        // It may be the key itself, so it is not shown.
        _ => Err(
            "a key is written as `file:PATH`, `env:NAME`, `awskms:///ARN-or-alias` or \
             `gcpkms://projects/…/cryptoKeyVersions/N`"
                .to_owned(),
        ),
    }
}

/// A secret that cannot be had now will not be had when it is needed.
fn secret(
    reference: &SecretReference,
    place: Place,
    environment: &dyn Environment,
    findings: &mut Findings,
) {
    if let Err(error) = secret::resolve(reference, environment) {
        findings.push((place, error.to_string()));
    }
}
