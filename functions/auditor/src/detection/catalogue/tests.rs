use std::fs;

use postern_core::event::Stream;

use super::*;
use crate::parse::Head;
use crate::testing::Folder;

/// What is wrong, without the directory's name.
fn mistakes(folder: &Folder) -> String {
    let name = format!("{}/", folder.path().display());
    folder.load().unwrap_err().to_string().replace(&name, "")
}

fn file(id: &str, matches: &str) -> String {
    format!(
        "{{id: {id}, title: t, severity: LOW, category: DENIED, attack: [], why: w, whatToDo: w,
        falsePositives: [], summary: s, match: {matches}, samples: []}}"
    )
}

#[test]
fn every_file_of_the_folder_is_embedded_and_compiles() {
    let catalogue = crate::testing::catalogue();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/detections");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    files.sort();
    // Sorted in the program as well.
    let ids: Vec<_> = catalogue.iter().map(|d| d.id.clone()).collect();
    assert_eq!(ids, files);
}

#[test]
fn a_file_is_added_or_stands_instead_of_another() {
    let folder = Folder::new(&[
        (
            "acme.one.yaml",
            &file("acme.one", "{log: activity, service: x}"),
        ),
        (
            "gcp.gke.blocked.yaml",
            &file("gcp.gke.blocked", "{log: activity, service: x}"),
        ),
        ("notes.txt", "not a detection"),
    ]);
    let catalogue = folder.load().unwrap();
    assert_eq!(
        catalogue.iter().count(),
        crate::testing::catalogue().iter().count() + 1
    );
    assert_eq!(catalogue.get("gcp.gke.blocked").unwrap().title, "t");
    assert!(catalogue.concerns(head(Stream::Activity, "x", "any", false)));
}

#[test]
fn every_mistake_is_told_at_once_and_by_its_file() {
    let folder = Folder::new(&[
        ("acme.form.yaml", &file("acme.form", "{service: x}")),
        (
            "acme.name.yaml",
            &file("acme.other", "{log: activity, service: x}"),
        ),
        (
            "acme.quiet.yaml",
            &file(
                "acme.quiet",
                "{log: activity, where: [{not: {field: userAgent, equals: x}}]}",
            ),
        ),
        (
            "postern.audit.reused-id.yaml",
            &file("postern.audit.reused-id", "{own: revoked}"),
        ),
        ("zz.yaml", &"#".repeat(257 * 1024)),
    ]);
    insta::assert_snapshot!(mistakes(&folder), @r#"
    zz.yaml: it is larger than 262144 bytes
    acme.form.yaml: `match` needs either `own` alone, or `log` with at least one of `service`, `resource`, `method` and `where`
    acme.name.yaml: its id "acme.other" must be the name of its file, and stand in no other
    acme.quiet.yaml: `where` does not hold because of userAgent: no text that an actor controls makes a detection quiet; decide by `principal`, `resource`, `outcome` or `configured`
    postern.audit.reused-id.yaml: it stands instead of a built-in one, whose `match` has to stay `own: …`
    "#);
}

#[test]
fn a_directory_that_is_not_there_is_a_mistake() {
    let absent = std::env::temp_dir().join("postern-absent/detections");
    let error = Catalogue::load(Some(&absent), &TrustSet::default()).unwrap_err();
    assert!(matches!(error.0[..], [Mistake::File { .. }]), "{error}");
}

#[test]
fn too_many_files_are_a_mistake() {
    let names: Vec<_> = (0..501).map(|i| format!("a{i}.yaml")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let error = Folder::new(&files).load().unwrap_err();
    assert!(matches!(error.0[..], [Mistake::File { .. }]), "{error}");
}

#[test]
fn one_of_the_programs_own_findings_may_be_worded_anew_and_never_twice() {
    let own = file("postern.gate.revoked", "{own: revoked}");
    let folder = Folder::new(&[("postern.gate.revoked.yaml", &own)]);
    let catalogue = folder.load().unwrap();
    assert_eq!(catalogue.own(Own::Revoked).title, "t");
    let second = Folder::new(&[("acme.x.yaml", &file("acme.x", "{own: revoked}"))]);
    assert_eq!(
        second.load().unwrap_err(),
        CatalogueError(vec![Mistake::Own(Own::Revoked)])
    );
}

#[test]
fn entries_that_nothing_is_about_have_no_candidates() {
    let catalogue = crate::testing::catalogue();
    for (stream, service, method) in [
        (
            Stream::DataAccess,
            "storage.googleapis.com",
            "storage.objects.get",
        ),
        (
            Stream::Activity,
            "compute.googleapis.com",
            "v1.compute.instances.insert",
        ),
        (
            Stream::Activity,
            "k8s.io",
            "io.k8s.core.v1.nodes.status.patch",
        ),
        (Stream::Other, "", ""),
    ] {
        assert!(
            !catalogue.concerns(head(stream, service, method, false)),
            "{service} {method}"
        );
    }
}

#[test]
fn a_record_of_any_service_may_be_one_of_which_something_was_left_out() {
    let catalogue = crate::testing::catalogue();
    let of = |service: &str, method: &str, has_key: bool| -> Vec<String> {
        catalogue
            .candidates(head(Stream::CloudTrail, service, method, has_key))
            .map(|detection| detection.id.clone())
            .collect()
    };
    let oversize = "aws.cloudtrail.oversize-record";
    assert_eq!(
        of("ec2.amazonaws.com", "DescribeInstances", false),
        [oversize]
    );
    // Whose keys are ours is not known here, and then no key is worth a look.
    assert_eq!(
        of("ec2.amazonaws.com", "DescribeInstances", true),
        [oversize]
    );
    let moved = ["aws.lambda.traffic-moved", oversize];
    assert_eq!(
        of("lambda.amazonaws.com", "UpdateAlias20150331", false),
        moved
    );
}

#[test]
fn what_is_ours_decides_what_is_worth_a_look() {
    let concerned = |trust: TrustSet, has_key| {
        let catalogue = Catalogue::load(None, &trust).unwrap();
        let service = "bigquery.googleapis.com";
        catalogue.concerns(head(Stream::DataAccess, service, "Jobs.Get", has_key))
    };
    let ci = TrustSet {
        ci: vec!["ci@demo-mart.iam.gserviceaccount.com".to_owned()],
        ..TrustSet::default()
    };
    assert!(!concerned(TrustSet::default(), true));
    assert!(!concerned(ci.clone(), false));
    assert!(concerned(ci, true));
}

fn head<'a>(stream: Stream, service: &'a str, method: &'a str, has_key: bool) -> Head<'a> {
    Head {
        stream,
        service,
        method,
        has_key,
    }
}
