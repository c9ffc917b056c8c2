//! The gate's opinion without a deployment.

use postern_core::ports::Appraiser as _;
use postern_core::reason::Verdict;
use postern_gate::GateOptions;

use crate::world::{ATTESTOR, Port, Shared, digest, image};

const TARGET: &str = "cloud-run:demo-project/us-central1/web";

#[tokio::test]
async fn an_appraisal_is_the_policys_answer_and_leaves_no_record() {
    let world = Shared::new();
    let gate = world.gate(GateOptions::default());
    let images = [image(digest()).to_string()];
    let target = TARGET.parse().unwrap();
    let before = gate.appraise(&target, &images).await.unwrap();
    assert_eq!(before.images[0].verdict, Verdict::NonConformant);
    world.attest(digest());
    let after = gate.appraise(&target, &images).await.unwrap();
    assert_eq!(after.images[0].verdict, Verdict::Conformant);
    assert_eq!(after.images[0].image, images[0]);
    assert_eq!(after.images[0].evidence[0].attestor, ATTESTOR);
    world.see(|world| {
        assert!(world.entries.is_empty(), "an appraisal is no decision");
        assert!(world.told.is_empty());
    });
}

#[tokio::test]
async fn an_outage_is_no_opinion() {
    let world = Shared::new();
    world.change(|world| world.source = Port::Dead);
    let gate = world.gate(GateOptions::default());
    let images = [image(digest()).to_string()];
    let appraised = gate.appraise(&TARGET.parse().unwrap(), &images).await;
    assert!(appraised.is_err(), "{appraised:?}");
}
