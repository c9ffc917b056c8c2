//! Cloud Run through the forwarding gate, in front of a stand-in for its API.

use postern_tests::have;

use super::{Reader, TOOLS};
use crate::support::cloud_run::{CloudRun, NUMBER};

pub(super) const FOLLOWED: [&str; 1] = ["cloud-run.md"];

#[test]
fn a_kms_attestor_and_cloud_run() {
    if !have(&TOOLS) {
        return;
    }
    let cloud_run = CloudRun::start();
    let url = cloud_run.url();
    let projects = format!("{{demo-mart: {NUMBER}}}");
    let mut reader = Reader::new(&[
        ("POSTERN__BREAKGLASS__TICKET", "^INC-[0-9]+"),
        (
            "POSTERN__FORWARD__HOSTS",
            r#"["run.gate.test", "*-run.gate.test"]"#,
        ),
        // What stands for Google here.
        ("POSTERN__FORWARD__UPSTREAM", &url),
        ("POSTERN__ENDPOINTS__RESOURCEMANAGER", &url),
        ("POSTERN__PROJECTS", &projects),
    ]);
    reader.follow("cloud-run.md");
    let writes = cloud_run.writes();
    let deployed = writes.iter().filter(|write| write.ends_with("/services"));
    assert_eq!(deployed.count(), 1, "{writes:?}");
    let replaced = writes.iter().filter(|write| write.starts_with("PUT "));
    assert_eq!(
        replaced.count(),
        3,
        "the hotfix, the way back, the hotfix attested: {writes:?}"
    );
}
