//! Who may call what.

use std::collections::BTreeMap;

use super::Findings;
use crate::auth::is_confidential;
use crate::config::{Access, Auth, Issuer};
use crate::environment::Platform;
use crate::load::path::{Place, at};

/// Issuers whose tokens anybody can have, for any audience.
const SHARED: [&str; 3] = [
    "https://accounts.google.com",
    "https://token.actions.githubusercontent.com",
    "https://gitlab.com",
];

/// Who may do what there its own bindings say, by the callers' e-mail.
const TRUST: &str = "trust";

pub(super) fn check(auth: &Auth, platform: Platform, findings: &mut Findings) {
    let functions = [
        ("gate", &auth.gate),
        ("attestor", &auth.attestor),
        (TRUST, &auth.trust),
        ("auditor", &auth.auditor),
        ("cases", &auth.cases),
    ];
    for (function, access) in functions {
        let here = at("auth").key(function);
        match access {
            None => {}
            Some(Access::Issuers(issuers)) => entries(function, issuers, &here, findings),
            Some(Access::Platform(_)) => {
                by_name_only(function, &here, findings);
                on_a_platform(platform, here, findings);
            }
            Some(Access::PlatformCallers(callers)) => {
                on_a_platform(platform, here.clone(), findings);
                entries(function, &callers.platform, &here.key("platform"), findings);
            }
        }
    }
}

/// Without named callers no audience is compared, so `attest` is not given: who asks for that
/// function so has forgotten the callers.
fn by_name_only(function: &str, here: &Place, findings: &mut Findings) {
    if function != "attestor" {
        return;
    }
    let message = "`platform` alone does not give `attest`: name the callers, as in `platform: \
                   [{issuer: …, audience: …, may: [attest]}]`";
    findings.push((here.clone(), message.to_owned()));
}

fn on_a_platform(platform: Platform, here: Place, findings: &mut Findings) {
    if platform == Platform::Other {
        let message = "`platform` believes what stands in front, and nothing does: it is for Cloud \
                       Run and Lambda; name issuers here";
        findings.push((here, message.to_owned()));
    }
}

fn entries(function: &str, issuers: &[Issuer], here: &Place, findings: &mut Findings) {
    if issuers.is_empty() {
        let message = "nobody could call: name an issuer, or leave it out for loopback only";
        findings.push((here.clone(), message.to_owned()));
    }
    let mut key_places: BTreeMap<&str, &Option<String>> = BTreeMap::new();
    for (index, issuer) in issuers.iter().enumerate() {
        let here = here.index(index);
        entry(issuer, &here, findings);
        if function != TRUST {
            rights(issuer, &here, findings);
        }
        if *key_places.entry(&issuer.issuer).or_insert(&issuer.jwks_uri) != &issuer.jwks_uri {
            let message =
                "another entry of this issuer says otherwise: keys are those of the issuer";
            findings.push((here.key("jwksUri"), message.to_owned()));
        }
    }
}

fn entry(issuer: &Issuer, here: &Place, findings: &mut Findings) {
    let mut find = |key: &str, message: &str| findings.push((here.key(key), message.to_owned()));
    if !is_confidential(&issuer.issuer) {
        find(
            "issuer",
            "this should be an https:// URL (http:// only to loopback)",
        );
    }
    if issuer
        .jwks_uri
        .as_deref()
        .is_some_and(|uri| !is_confidential(uri))
    {
        find(
            "jwksUri",
            "this should be an https:// URL (http:// only to loopback)",
        );
    }
    if issuer.audience.is_empty() {
        find(
            "audience",
            "tokens meant for anybody would be taken: name this function's audience",
        );
    }
}

/// What its entry says of a caller.
fn rights(issuer: &Issuer, here: &Place, findings: &mut Findings) {
    let mut find = |key: &str, message: &str| findings.push((here.key(key), message.to_owned()));
    if issuer.may.is_empty() {
        find(
            "may",
            "such a caller may do nothing: name rights, or leave the entry out",
        );
    }
    if issuer.claims.is_empty() && SHARED.contains(&issuer.issuer.as_str()) {
        find(
            "claims",
            "anybody can have a token of this issuer: name claims that only yours have",
        );
    }
}
