//! Exempt patterns: what never matches, and what matches more than was meant.

use super::Report;
use crate::image::{DOCKER_HUB, canonical_host, shortened};
use crate::policy::document::Node;
use crate::policy::{Pattern, PatternError};

/// Registries in which strangers have repositories. Those that end in `.pkg.dev` are too.
const SHARED: [&str; 9] = [
    DOCKER_HUB,
    "gcr.io",
    "us.gcr.io",
    "eu.gcr.io",
    "asia.gcr.io",
    "quay.io",
    "ghcr.io",
    "public.ecr.aws",
    "registry.gitlab.com",
];

/// Checks every exempt pattern.
pub(super) fn check(policy: &Node, report: &mut Report) {
    let patterns = policy
        .get("admissionWhitelistPatterns")
        .map_or(&[][..], Node::items);
    let nodes: Vec<&Node> = patterns
        .iter()
        .filter_map(|p| p.get("namePattern"))
        .collect();
    for (index, node) in nodes.iter().enumerate() {
        let Some(text) = node.text() else { continue };
        match Pattern::parse(text) {
            Err(error) => invalid(node, text, &error, report),
            Ok(_) => {
                open_prefix(node, text, report);
                whole_registry(node, text, report);
                tag_only(node, text, report);
                upper_case(node, text, report);
            }
        }
        if let Some(first) = nodes[..index]
            .iter()
            .find(|earlier| earlier.text() == Some(text))
        {
            let message = format!("{} is also on line {}", shortened(text), first.at.line);
            report.warning("pattern-repeated", node, message, "remove one");
        }
    }
}

fn invalid(node: &Node, text: &str, error: &PatternError, report: &mut Report) {
    let fix = match error {
        PatternError::Empty => "write HOST/PATH/** or remove the entry".to_owned(),
        PatternError::Scheme(_) => {
            let (_, name) = text.split_once("://").unwrap_or_default();
            format!("write {}", shortened(name))
        }
        PatternError::Space(_) => "remove the space".to_owned(),
        PatternError::WildcardInRegistry(_) => {
            "name the registry, such as us-docker.pkg.dev/PROJECT/REPOSITORY/**".to_owned()
        }
        PatternError::WildcardInMiddle(_) => {
            let start = text.split('*').next().unwrap_or_default();
            format!("write {}**, or a pattern for each image", shortened(start))
        }
    };
    report.error(
        "pattern-invalid",
        node,
        format!("{error}; it matches nothing"),
        fix,
    );
}

/// `gcr.io/project**` also matches `gcr.io/project-exploit/x`.
fn open_prefix(node: &Node, text: &str, report: &mut Report) {
    let Some(stem) = text.strip_suffix("**") else {
        return;
    };
    if stem.ends_with(['/', '@', ':']) {
        return;
    }
    let stem = shortened(stem);
    let message = format!("{stem}** also matches {stem}-exploit/x, which may be a stranger's");
    report.warning(
        "pattern-open-prefix",
        node,
        message,
        format!("write {stem}/**"),
    );
}

fn whole_registry(node: &Node, text: &str, report: &mut Report) {
    let Some((host, rest)) = text.split_once('/') else {
        return;
    };
    let host = canonical_host(host).unwrap_or_default();
    let hub_wide = host == DOCKER_HUB && matches!(rest, "*" | "library/*" | "library/**");
    let shared = SHARED.contains(&host.as_str()) || host.ends_with(".pkg.dev");
    if hub_wide || (rest == "**" && shared) {
        let whose = if hub_wide {
            "every official image of"
        } else {
            "every publisher's images on"
        };
        let message = format!("{text} exempts {whose} {host}, whatever is pushed there");
        let fix = format!("name what you need, such as {host}/ORGANISATION/IMAGE@*");
        report.warning("pattern-whole-registry", node, message, fix);
    }
}

/// On Cloud Run tags are resolved before the policy is asked: only digests are ever compared.
fn tag_only(node: &Node, text: &str, report: &mut Report) {
    let last = text.rsplit('/').next().unwrap_or(text);
    let wildcard = last.ends_with('*');
    let (image, tagged) = match last.split_once(':') {
        Some((image, _)) => (image, true),
        None => (last, false),
    };
    if last.contains('@') || (wildcard && !tagged) {
        return;
    }
    let directory = &text[..text.len() - last.len()];
    let message = format!(
        "{} never matches on Cloud Run, which resolves tags to digests before the policy is asked",
        shortened(text)
    );
    let fix = format!("write {}@*", shortened(&format!("{directory}{image}")));
    report.warning("pattern-needs-digest", node, message, fix);
}

fn upper_case(node: &Node, text: &str, report: &mut Report) {
    let Some((_, path)) = text.split_once('/') else {
        return;
    };
    let repository = path.split(['@', ':']).next().unwrap_or_default();
    if repository.bytes().any(|b| b.is_ascii_uppercase()) {
        let message = format!(
            "{} never matches: paths of images are lower-case",
            shortened(text)
        );
        let fix = format!(
            "write {}",
            shortened(&text.replace(path, &path.to_ascii_lowercase()))
        );
        report.warning("pattern-never-matches", node, message, fix);
    }
}
