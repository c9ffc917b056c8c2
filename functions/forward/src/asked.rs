//! Which calls go on, and which of them deploy something. What is not on the list does not pass: a path that
//! nobody thought of must not be the way around.

use postern_core::target::CloudRunKind;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing new runs by it.
    Pass,
    /// A service, job or worker pool is written, or a job is run.
    Write(Write),
    /// Nothing that goes on.
    Unlisted,
}

/// A call by which something else may run afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) dialect: Dialect,
    pub(crate) kind: CloudRunKind,
    pub(crate) verb: Verb,
    /// Project id or number.
    pub(crate) project: String,
    /// As the path says it; the host says it where the path does not.
    pub(crate) location: Option<String>,
    /// As the path says it; of what is created the body or the query says it.
    pub(crate) name: Option<String>,
}

/// The two forms in which Cloud Run's resources are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Admin API v1, as `gcloud` speaks it: Knative's.
    V1,
    /// Admin API v2, as Terraform and client libraries speak it.
    V2,
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Replace,
    /// Only what `updateMask` names.
    Patch,
    /// A job is run as it is stored.
    Run,
}

/// What a call with this method and path asks for.
pub(crate) fn asked(method: &str, path: &str) -> Asked {
    let Some(words) = words(path) else {
        return Asked::Unlisted;
    };
    if method == "GET" {
        return match words.first() {
            Some(&("apis" | "v1" | "v2")) => Asked::Pass,
            _ => Asked::Unlisted,
        };
    }
    match words.as_slice() {
        ["apis", group, "v1", "namespaces", project, rest @ ..] => v1(method, group, project, rest),
        ["v1", "projects", _, "locations", _, collection, name]
            if method == "POST" && of_v1(collection).is_some() =>
        {
            passes_if(is_about_access(name))
        }
        ["v2", "projects", project, "locations", location, rest @ ..] => {
            v2(method, project, location, rest)
        }
        _ => Asked::Unlisted,
    }
}

/// Knative's paths.
fn v1(method: &str, group: &str, project: &str, rest: &[&str]) -> Asked {
    let write = |kind, verb, name: Option<&str>| {
        Asked::Write(Write {
            dialect: Dialect::V1,
            kind,
            verb,
            project: project.to_owned(),
            location: None,
            name: name.map(str::to_owned),
        })
    };
    let group_of = |kind| match kind {
        CloudRunKind::Service => "serving.knative.dev",
        CloudRunKind::Job | CloudRunKind::WorkerPool => "run.googleapis.com",
    };
    let kind = rest.first().and_then(|collection| of_v1(collection));
    let kind = kind.filter(|kind| group_of(*kind) == group);
    match (method, rest, kind) {
        ("POST", [_], Some(kind)) => write(kind, Verb::Create, None),
        ("PUT", [_, name], Some(kind)) => write(kind, Verb::Replace, Some(name)),
        ("POST", [_, name], Some(CloudRunKind::Job)) => match name.split_once(':') {
            Some((name, "run")) => write(CloudRunKind::Job, Verb::Run, Some(name)),
            _ => Asked::Unlisted,
        },
        ("DELETE", [_, _], Some(_)) => Asked::Pass,
        ("DELETE", ["revisions" | "executions", _], None) => Asked::Pass,
        ("POST", ["executions", name], None) => passes_if(name.ends_with(":cancel")),
        ("POST", ["domainmappings"], None) | ("DELETE", ["domainmappings", _], None) => {
            passes_if(group == "domains.cloudrun.com")
        }
        _ => Asked::Unlisted,
    }
}

fn v2(method: &str, project: &str, location: &str, rest: &[&str]) -> Asked {
    let write = |kind, verb, name: Option<&str>| {
        Asked::Write(Write {
            dialect: Dialect::V2,
            kind,
            verb,
            project: project.to_owned(),
            location: Some(location.to_owned()),
            name: name.map(str::to_owned),
        })
    };
    let kind = rest.first().and_then(|collection| match *collection {
        "services" => Some(CloudRunKind::Service),
        "jobs" => Some(CloudRunKind::Job),
        "workerPools" => Some(CloudRunKind::WorkerPool),
        _ => None,
    });
    match (method, rest, kind) {
        ("POST", [_], Some(kind)) => write(kind, Verb::Create, None),
        ("PATCH", [_, name], Some(kind)) => write(kind, Verb::Patch, Some(name)),
        ("DELETE", [_, _], Some(_)) => Asked::Pass,
        ("POST", [_, name], Some(kind)) => match (kind, name.split_once(':')) {
            (CloudRunKind::Job, Some((name, "run"))) => write(kind, Verb::Run, Some(name)),
            _ => passes_if(is_about_access(name)),
        },
        ("DELETE", [_, _, "revisions" | "executions", _], Some(_)) => Asked::Pass,
        ("POST", [_, _, "executions", name], Some(CloudRunKind::Job)) => {
            passes_if(name.ends_with(":cancel") || name.ends_with(":exportStatus"))
        }
        ("POST", ["operations", name], None) => passes_if(name.ends_with(":wait")),
        ("DELETE", ["operations", _], None) => Asked::Pass,
        _ => Asked::Unlisted,
    }
}

fn of_v1(collection: &str) -> Option<CloudRunKind> {
    match collection {
        "services" => Some(CloudRunKind::Service),
        "jobs" => Some(CloudRunKind::Job),
        "workerpools" => Some(CloudRunKind::WorkerPool),
        _ => None,
    }
}

fn is_about_access(name: &str) -> bool {
    name.ends_with(":setIamPolicy") || name.ends_with(":testIamPermissions")
}

fn passes_if(listed: bool) -> Asked {
    match listed {
        true => Asked::Pass,
        false => Asked::Unlisted,
    }
}

/// The words of a path that can be read in one way only: no escapes, nothing empty, no dots alone.
fn words(path: &str) -> Option<Vec<&str>> {
    let words: Vec<_> = path.strip_prefix('/')?.split('/').collect();
    words.iter().all(|word| is_plain(word)).then_some(words)
}

fn is_plain(word: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !matches!(word, "" | "." | "..") && word.bytes().all(ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const SERVICES: &str = "/apis/serving.knative.dev/v1/namespaces/demo-mart/services";
    const JOBS: &str = "/apis/run.googleapis.com/v1/namespaces/demo-mart/jobs";
    const V2: &str = "/v2/projects/demo-mart/locations/us-central1";

    fn shown(method: &str, path: &str) -> String {
        match asked(method, path) {
            Asked::Write(write) => format!(
                "{:?} {:?} {}",
                write.verb,
                write.kind,
                write.name.unwrap_or_default()
            ),
            other => format!("{other:?}"),
        }
    }

    #[rstest]
    #[case::read("GET", format!("{SERVICES}/web"), "Pass")]
    #[case::read_v2("GET", format!("{V2}/services"), "Pass")]
    #[case::create("POST", SERVICES.to_owned(), "Create Service ")]
    #[case::replace("PUT", format!("{SERVICES}/web"), "Replace Service web")]
    #[case::delete("DELETE", format!("{SERVICES}/web"), "Pass")]
    #[case::job("POST", JOBS.to_owned(), "Create Job ")]
    #[case::run("POST", format!("{JOBS}/nightly:run"), "Run Job nightly")]
    #[case::pool("PUT", "/apis/run.googleapis.com/v1/namespaces/p/workerpools/w".to_owned(), "Replace WorkerPool w")]
    #[case::access("POST", "/v1/projects/p/locations/l/services/web:setIamPolicy".to_owned(), "Pass")]
    #[case::create_v2("POST", format!("{V2}/services"), "Create Service ")]
    #[case::patch("PATCH", format!("{V2}/workerPools/w"), "Patch WorkerPool w")]
    #[case::run_v2("POST", format!("{V2}/jobs/nightly:run"), "Run Job nightly")]
    #[case::waited_for("POST", format!("{V2}/operations/o:wait"), "Pass")]
    #[case::cancelled("POST", format!("{V2}/jobs/j/executions/e:cancel"), "Pass")]
    fn on_the_list(#[case] method: &str, #[case] path: String, #[case] found: &str) {
        assert_eq!(shown(method, &path), found);
    }

    #[rstest]
    #[case::a_build("POST", format!("{V2}/builds:submit"))]
    #[case::patched_v1("PATCH", format!("{SERVICES}/web"))]
    #[case::put_v2("PUT", format!("{V2}/services/web"))]
    #[case::a_service_that_runs("POST", format!("{V2}/services/web:run"))]
    #[case::another_group("POST", "/apis/run.googleapis.com/v1/namespaces/p/services".to_owned())]
    #[case::v1_of_projects("POST", "/v1/projects/p/locations/l/services".to_owned())]
    #[case::a_batch("POST", "/batch".to_owned())]
    #[case::escaped("PUT", format!("{SERVICES}/w%65b"))]
    #[case::twice("PUT", format!("{SERVICES}//web"))]
    #[case::above("PUT", format!("{SERVICES}/x/../web"))]
    #[case::elsewhere("GET", "/computeMetadata/v1/token".to_owned())]
    #[case::another_method("HEAD", SERVICES.to_owned())]
    #[case::instances("POST", format!("{V2}/instances"))]
    fn not_on_the_list(#[case] method: &str, #[case] path: String) {
        assert_eq!(asked(method, &path), Asked::Unlisted);
    }
}
