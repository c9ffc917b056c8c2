//! Open, deploy, close, in whichever order.

use super::*;

const WEAKENED: &str = "gcp.binauthz.policy-weakened";
const RESTORED: &str = "gcp.binauthz.policy-changed";

fn policy(past: &mut Past, id: &str, at: &str) -> Vec<Observed> {
    let event = at_time(&read(&entry("ordinary deployment")), at, id);
    let mut observed = classify(&catalogue(), &read(&entry("cloud-run-break-glass")));
    observed[0].finding.detection = id.to_owned();
    observed[0].finding.category = postern_core::finding::Category::PolicyWeakened;
    observed[0].finding.at = event.at;
    past.take(&event, &Subject::default(), &observed)
}

/// The three entries in any order make one finding.
#[test]
fn open_deploy_close_is_found_whichever_entry_comes_last() {
    let orders: [[usize; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for order in orders {
        let mut past = Past::default();
        let mut found = Vec::new();
        for step in order {
            found.extend(match step {
                0 => policy(&mut past, WEAKENED, "2026-03-03T05:00:00Z"),
                1 => past.deploy("2026-03-03T05:10:00Z", "checkout-1"),
                _ => policy(&mut past, RESTORED, "2026-03-03T05:20:00Z"),
            });
        }
        assert_eq!(
            detections(&found),
            ["postern.policy.open-deploy-close"],
            "{order:?}"
        );
        let summary = &found[0].finding.summary;
        assert!(summary.contains(TARGET), "{summary}");
        assert!(summary.contains("within 20 min"), "{summary}");
    }
}

#[test]
fn a_policy_that_stays_weak_or_comes_back_a_day_later_is_another_story() {
    let mut past = Past::default();
    policy(&mut past, WEAKENED, "2026-03-03T05:00:00Z");
    assert!(past.deploy("2026-03-03T05:10:00Z", "checkout-1").is_empty());
    let late = policy(&mut past, RESTORED, "2026-03-04T05:00:00Z");
    assert_eq!(detections(&late), [""; 0]);
}

#[test]
fn a_deployment_that_arrives_after_the_story_was_told_is_told_too() {
    let mut past = Past::default();
    policy(&mut past, WEAKENED, "2026-03-03T05:00:00Z");
    past.deploy("2026-03-03T05:10:00Z", "checkout-1");
    let first = policy(&mut past, RESTORED, "2026-03-03T05:20:00Z");
    let elsewhere = |past: &mut Past, at: &str| {
        let event = at_time(&read(&entry("ordinary deployment")), at, "late");
        let subject = Subject {
            target: Some("cloud-run:acme-shop/europe-west1/payout".to_owned()),
            images: vec![IMAGE.to_owned()],
            deployed: vec![IMAGE.to_owned()],
            ..Subject::default()
        };
        past.take(&event, &subject, &[])
    };
    let late = elsewhere(&mut past, "2026-03-03T05:15:00Z");
    assert_eq!(detections(&late), ["postern.policy.open-deploy-close"]);
    let summary = &late[0].finding.summary;
    assert!(
        summary.contains("payout") && !summary.contains("checkout"),
        "{summary}"
    );
    assert_ne!(late[0].finding.id, first[0].finding.id);
    assert_eq!(late[0].event_key, first[0].event_key, "for the same case");

    let another_pod = elsewhere(&mut past, "2026-03-03T05:16:00Z");
    assert_eq!(detections(&another_pod), [""; 0], "told once per place");
    let outside = elsewhere(&mut past, "2026-03-03T05:21:00Z");
    assert_eq!(detections(&outside), [""; 0]);
}

#[test]
fn the_restoration_is_the_one_that_follows_the_weakening_in_time() {
    let mut past = Past::default();
    policy(&mut past, RESTORED, "2026-03-03T04:50:00Z");
    policy(&mut past, RESTORED, "2026-03-03T05:40:00Z");
    policy(&mut past, RESTORED, "2026-03-03T05:20:00Z");
    past.deploy("2026-03-03T05:30:00Z", "checkout-after");
    past.deploy("2026-03-03T05:10:00Z", "checkout-inside");
    let found = policy(&mut past, WEAKENED, "2026-03-03T05:00:00Z");
    assert_eq!(detections(&found), ["postern.policy.open-deploy-close"]);
    let summary = &found[0].finding.summary;
    assert!(summary.contains("within 20 min"), "{summary}");
}

#[test]
fn only_what_happened_around_the_event_is_asked_for() {
    let event = at_time(
        &read(&entry("ordinary deployment")),
        "2026-03-03T12:00:00Z",
        "now",
    );
    let subject = Subject {
        deployed: vec![IMAGE.to_owned()],
        ..Subject::default()
    };
    let watch = Watch::default();
    let clues = Clues::of(&catalogue(), &watch, &event, &subject, &[], "log|now");
    let asked = clues.questions.facts.iter();
    let asked: Vec<_> = asked.filter(|q| q.key.starts_with("policy|")).collect();
    assert_eq!(asked.len(), 2);
    for (at, expected) in [
        ("2026-03-03T05:59:59Z", false),
        ("2026-03-03T06:00:00Z", true),
        ("2026-03-03T18:00:01Z", false),
    ] {
        let at = at.parse().unwrap();
        assert!(asked.iter().all(|q| q.asks_for(at) == expected), "{at}");
    }
}
