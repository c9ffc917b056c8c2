//! The command that goes back to a revision, to be pasted into a shell by whoever was woken.

use crate::target::{CloudRunKind, CloudRunResource, Target};

/// The longest name that is put into a command.
const LONGEST: usize = 512;

/// The command that makes this revision the one that runs. `None` where the platform has no such
/// command, something that it needs is not known, or a name is not one that a shell takes as it is.
///
/// A revision is a Cloud Run revision, a version of a Lambda function (its alias stands as `ALIAS`),
/// a task definition of ECS (`FAMILY:N`), or a workload of Kubernetes (`deployment/NAME`, with `:N`
/// for the revision of its rollout).
pub fn command(target: &Target, revision: &str) -> Option<String> {
    match target {
        Target::CloudRun {
            kind: CloudRunKind::Service,
            resource: Some(resource),
        } => cloud_run(resource, revision),
        Target::Lambda { region, function } => {
            if !revision.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            words(
                "aws lambda update-alias --name ALIAS",
                &[
                    ("--function-name", function),
                    ("--function-version", revision),
                    ("--region", region),
                ],
            )
        }
        Target::Ecs {
            region,
            cluster,
            service,
        } => words(
            "aws ecs update-service",
            &[
                ("--cluster", cluster),
                ("--service", service),
                ("--task-definition", revision),
                ("--region", region),
            ],
        ),
        Target::Gke { namespace, .. } => kubernetes(target, namespace, revision),
        // Jobs have executions, which are over; worker pools have no traffic.
        Target::CloudRun { .. } => None,
    }
}

/// The command that gives these revisions these shares again, in percent: of a Cloud Run service's traffic,
/// or of a worker pool's instances. `None` as for [`command`].
pub fn shares_command(target: &Target, shares: &[(String, u32)]) -> Option<String> {
    let Target::CloudRun {
        kind,
        resource: Some(resource),
    } = target
    else {
        return None;
    };
    let verb = match kind {
        CloudRunKind::Service => "gcloud run services update-traffic",
        CloudRunKind::WorkerPool => "gcloud beta run worker-pools update-instance-split",
        CloudRunKind::Job => return None,
    };
    let name = &resource.name;
    let mut names = shares.iter().map(|(revision, _)| revision).chain([name]);
    if shares.is_empty() || !names.all(|name| is_plain(name)) {
        return None;
    }
    let shares = shares.iter().map(|(name, share)| format!("{name}={share}"));
    let shares: Vec<_> = shares.collect();
    let start = format!("{verb} {name} --to-revisions={}", shares.join(","));
    of_place(&start, resource)
}

/// The command that has a Cloud Run job run this image again. `None` as for [`command`].
pub fn image_command(target: &Target, image: &str) -> Option<String> {
    let Target::CloudRun {
        kind: CloudRunKind::Job,
        resource: Some(resource),
    } = target
    else {
        return None;
    };
    let name = &resource.name;
    let (path, digest) = image.split_once('@').unwrap_or((image, "sha256"));
    let plain = [name, path, digest].into_iter().all(is_plain);
    let start = format!("gcloud run jobs update {name} --image={image}");
    of_place(&start, resource).filter(|_| plain)
}

fn cloud_run(resource: &CloudRunResource, revision: &str) -> Option<String> {
    let name = &resource.name;
    // `=` and `,` part revisions and shares.
    if !is_plain(name) || !is_plain(revision) {
        return None;
    }
    let start = format!("gcloud run services update-traffic {name} --to-revisions={revision}=100");
    of_place(&start, resource)
}

/// A command of gcloud about a resource of Cloud Run.
fn of_place(start: &str, resource: &CloudRunResource) -> Option<String> {
    let CloudRunResource {
        project, location, ..
    } = resource;
    words(start, &[("--region", location), ("--project", project)])
}

fn kubernetes(target: &Target, namespace: &str, revision: &str) -> Option<String> {
    let Target::Gke {
        location,
        cluster,
        project,
        ..
    } = target
    else {
        return None;
    };
    let (workload, number) = match revision.split_once(':') {
        Some((workload, number)) => (workload, Some(number)),
        None => (revision, None),
    };
    let (kind, name) = workload.split_once('/')?;
    let known = matches!(kind, "deployment" | "statefulset" | "daemonset");
    if !known || name.contains('/') || !is_plain(name) {
        return None;
    }
    let mut command = words(
        &format!("kubectl rollout undo {kind}/{name}"),
        &[("--namespace", namespace)],
    )?;
    if let Some(number) = number {
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        command += &format!(" --to-revision={}", digits.then_some(number)?);
    }
    // What `gcloud container clusters get-credentials` calls it.
    if let Some(project) = project {
        let context = format!("gke_{project}_{location}_{cluster}");
        command += &format!(" --context={}", is_plain(&context).then_some(context)?);
    }
    Some(command)
}

/// The start of a command and its flags.
fn words(start: &str, flags: &[(&str, &str)]) -> Option<String> {
    let mut command = start.to_owned();
    for (flag, value) in flags {
        if !is_plain(value) {
            return None;
        }
        command += &format!(" {flag}={value}");
    }
    Some(command)
}

/// A name that a shell passes on unchanged, and that no program takes for an option.
fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/');
    name.len() <= LONGEST
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "cloud-run:demo-mart/us-east1/web",
        "web-00002-abc",
        "gcloud run services update-traffic web --to-revisions=web-00002-abc=100 --region=us-east1 --project=demo-mart"
    )]
    #[case(
        "lambda:eu-west-1/orders",
        "7",
        "aws lambda update-alias --name ALIAS --function-name=orders --function-version=7 --region=eu-west-1"
    )]
    #[case(
        "ecs:eu-west-1/main/orders",
        "orders:41",
        "aws ecs update-service --cluster=main --service=orders --task-definition=orders:41 --region=eu-west-1"
    )]
    #[case(
        "gke:us-east1-c.mart/web@demo-mart",
        "deployment/checkout:3",
        "kubectl rollout undo deployment/checkout --namespace=web --to-revision=3 --context=gke_demo-mart_us-east1-c_mart"
    )]
    #[case(
        "gke:us-east1-c.mart/web",
        "deployment/checkout",
        "kubectl rollout undo deployment/checkout --namespace=web"
    )]
    fn goes_back(#[case] target: &str, #[case] revision: &str, #[case] expected: &str) {
        let target = target.parse().unwrap();
        assert_eq!(command(&target, revision).as_deref(), Some(expected));
    }

    #[rstest]
    #[case("cloud-run:demo-mart/us-east1/web", "web;rm -rf /")]
    #[case("cloud-run:demo-mart/us-east1/web", "$(id)")]
    #[case("cloud-run:demo-mart/us-east1/web", "a=1,b")]
    #[case("cloud-run:demo-mart/us-east1/web", "--help")]
    #[case("cloud-run:demo-mart/us-east1/web", "")]
    #[case("cloud-run:demo-mart/us-east1/-web", "web-1")]
    #[case("cloud-run", "web-1")]
    #[case("cloud-run-job:demo-mart/us-east1/nightly", "nightly-1")]
    #[case("lambda:eu-west-1/orders", "$LATEST")]
    #[case("lambda:eu-west-1/orders", "")]
    #[case("ecs:eu-west-1/main/orders", "orders:1 --force")]
    #[case("gke:us-east1-c.mart/web", "checkout-1")]
    #[case("gke:us-east1-c.mart/web", "deployment/a:b")]
    #[case("gke:us-east1-c.mart/web", "pod/a")]
    fn no_command_where_a_name_is_none(#[case] target: &str, #[case] revision: &str) {
        let target = target.parse().unwrap();
        assert_eq!(command(&target, revision), None);
    }

    #[rstest]
    #[case(
        "cloud-run:demo-mart/us-east1/web",
        Some(
            "gcloud run services update-traffic web --to-revisions=web-1=90,web-2=10 --region=us-east1 --project=demo-mart"
        )
    )]
    #[case(
        "cloud-run-worker-pool:demo-mart/us-east1/mail",
        Some(
            "gcloud beta run worker-pools update-instance-split mail --to-revisions=web-1=90,web-2=10 --region=us-east1 --project=demo-mart"
        )
    )]
    #[case("cloud-run-job:demo-mart/us-east1/nightly", None)]
    #[case("lambda:eu-west-1/orders", None)]
    fn goes_back_to_shares(#[case] target: &str, #[case] expected: Option<&str>) {
        let target = target.parse().unwrap();
        let shares = [("web-1".to_owned(), 90), ("web-2".to_owned(), 10)];
        assert_eq!(shares_command(&target, &shares).as_deref(), expected);
        assert_eq!(shares_command(&target, &[]), None);
        assert_eq!(shares_command(&target, &[("a;b".to_owned(), 100)]), None);
    }

    #[test]
    fn a_job_goes_back_to_an_image() {
        let job = "cloud-run-job:demo-mart/us-east1/nightly".parse().unwrap();
        let command = |image| image_command(&job, image);
        insta::assert_snapshot!(command("eu.example/a/b@sha256:00").unwrap(), @"gcloud run jobs update nightly --image=eu.example/a/b@sha256:00 --region=us-east1 --project=demo-mart");
        assert!(command("eu.example/a/b:v1").is_some());
        assert_eq!(command("a b"), None);
        assert_eq!(command("a@b@c"), None);
        let service = "cloud-run:demo-mart/us-east1/web".parse().unwrap();
        assert_eq!(image_command(&service, "eu.example/a:v1"), None);
    }
}
