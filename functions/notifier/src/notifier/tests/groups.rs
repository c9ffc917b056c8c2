//! Alerts that are told together.

use postern_core::finding::Category;

use super::*;

fn chat(url: &str) -> (String, Box<dyn Output>) {
    let config: config::Output = serde_json::from_value(json!({
        "name": "chat", "type": "googleChat", "url": "env:URL", "allowPrivate": true,
        "group": {"by": ["category", "project"], "wait": "30s", "most": 50}
    }))
    .unwrap();
    let made = output(&config, &|_| Ok(url.to_owned()), &Buses::new()).unwrap();
    ("chat".to_owned(), made)
}

/// Denials that were written one second after the other.
fn denials(from: i64, count: i64) -> Vec<Notification> {
    let denial = |second| Notification {
        at: after(second),
        ..denial(&format!("d{second:03}"))
    };
    (from..from + count).map(denial).collect()
}

fn add(outbox: &MemoryOutbox, alerts: Vec<Notification>) {
    outbox.state.lock().unwrap().unrouted.extend(alerts);
}

/// The id of each message that came: of a group, or of an alert.
fn messages(receiver: &Receiver) -> Vec<String> {
    let got = receiver.got.lock().unwrap();
    let read = |body: &Bytes| serde_json::from_slice::<Value>(body).unwrap();
    let id = |body: Value| body["cardsV2"][0]["cardId"].as_str().unwrap().to_owned();
    got.iter().map(|(_, body)| id(read(body))).collect()
}

fn delivered(count: usize) -> Tally {
    Tally {
        delivered: count,
        ..Tally::default()
    }
}

#[tokio::test]
async fn a_flood_is_one_message_and_each_alert_of_it_is_confirmed() {
    let receiver = Receiver::answering(&[]).await;
    let outbox = outbox(denials(0, 20));
    let notifier = notifier(&outbox, vec![chat(&receiver.url)]);
    assert_eq!(notifier.tick(after(29)).await, Ok(Tally::default()));
    assert_eq!(notifier.tick(after(30)).await, Ok(delivered(20)));
    assert_eq!(receiver.count(), 1);
    for alert in denials(0, 20) {
        let outcome = outbox.outcome(&alert.id, "chat");
        assert_eq!(outcome, (1, Some(Attempted::Delivered)), "{}", alert.id);
    }
    assert_eq!(notifier.tick(after(9999)).await, Ok(Tally::default()));
}

#[tokio::test]
async fn a_group_that_is_not_taken_comes_again_under_its_id_and_with_nobody_new() {
    let receiver = Receiver::answering(&[(503, None)]).await;
    let outbox = outbox(denials(0, 3));
    let notifier = notifier(&outbox, vec![chat(&receiver.url)]);
    assert_eq!(notifier.tick(after(30)).await.unwrap().again, 3);
    let dues: Vec<_> = denials(0, 3)
        .iter()
        .map(|alert| outbox.outcome(&alert.id, "chat"))
        .collect();
    assert!(dues.iter().all(|due| *due == dues[0]), "{dues:?}");
    add(&outbox, denials(31, 2));
    assert_eq!(notifier.tick(after(50)).await, Ok(delivered(3)));
    assert_eq!(notifier.tick(after(61)).await, Ok(delivered(2)));
    let ids = messages(&receiver);
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn nothing_is_forgotten_in_a_restart() {
    let receiver = Receiver::answering(&[]).await;
    let outbox = outbox(denials(0, 3));
    let first = notifier(&outbox, vec![chat(&receiver.url)]);
    assert_eq!(first.tick(after(20)).await, Ok(Tally::default()));
    drop(first);
    let next = notifier(&outbox, vec![chat(&receiver.url)]);
    assert_eq!(next.tick(after(30)).await, Ok(delivered(3)));

    // One that dies with a group in its hands, before or after it was sent.
    add(&outbox, denials(100, 3));
    next.route().await.unwrap();
    let (sink, lane) = next.queues().last().unwrap();
    let held = next.claim(sink, lane, after(130)).await.unwrap();
    assert_eq!((held.len(), held[0].len()), (1, 3));
    add(&outbox, denials(131, 1));
    let another = notifier(&outbox, vec![chat(&receiver.url)]);
    assert_eq!(another.tick(after(161)).await, Ok(delivered(1)));
    assert_eq!(another.tick(after(130) + LEASE).await, Ok(delivered(3)));
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn what_is_always_told_is_told_at_once_and_by_itself() {
    let receiver = Receiver::answering(&[]).await;
    let mut bypass = denial("bypass");
    bypass.case.category = Category::Bypass;
    let told = [alert("a", 1), alert("b", 1), bypass].map(|alert| Notification {
        at: start(),
        ..alert
    });
    let outbox = outbox(denials(0, 3).into_iter().chain(told).collect());
    let notifier = notifier(&outbox, vec![chat(&receiver.url)]);
    assert_eq!(notifier.tick(start()).await, Ok(delivered(3)));
    let mut ids = messages(&receiver);
    ids.sort();
    assert_eq!(ids, ["a-1", "b-1", "bypass-1"]);
}

#[tokio::test]
async fn each_output_groups_for_itself() {
    let (people, machine) = (
        Receiver::answering(&[]).await,
        Receiver::answering(&[]).await,
    );
    let outbox = outbox(denials(0, 5));
    let outputs = vec![chat(&people.url), webhook("hook", &machine.url)];
    let notifier = notifier(&outbox, outputs);
    assert_eq!(notifier.tick(after(10)).await, Ok(delivered(5)));
    assert_eq!((people.count(), machine.count()), (0, 5));
    assert_eq!(notifier.tick(after(40)).await, Ok(delivered(5)));
    assert_eq!((people.count(), machine.count()), (1, 5));
}

#[tokio::test]
async fn a_group_that_is_refused_for_good_is_told_one_by_one() {
    let receiver = Receiver::answering(&[(400, None), (204, None), (400, None)]).await;
    let outbox = outbox(denials(0, 3));
    let notifier = notifier(&outbox, vec![chat(&receiver.url)]);
    let tally = notifier.tick(after(30)).await.unwrap();
    assert_eq!((tally.delivered, tally.again, tally.dead), (2, 0, 1));
    assert!(matches!(
        outbox.outcome("d001-1", "chat").1,
        Some(Attempted::Dead { .. })
    ));
    assert_eq!(messages(&receiver)[1..], ["d000-1", "d001-1", "d002-1"]);
}

#[tokio::test]
async fn one_by_one_ends_with_an_outage_and_nothing_is_lost() {
    let receiver = Receiver::answering(&[(400, None), (503, None)]).await;
    let outbox = outbox(denials(0, 3));
    let notifier = notifier(&outbox, vec![chat(&receiver.url)]);
    let tally = notifier.tick(after(30)).await.unwrap();
    assert_eq!((tally.delivered, tally.again, tally.dead), (0, 1, 0));
    assert_eq!(receiver.count(), 2);
    assert_eq!(notifier.tick(after(30) + LEASE).await, Ok(delivered(3)));
    assert_eq!(
        receiver.count(),
        4,
        "the first alone, the two others together"
    );
}

#[tokio::test]
async fn a_group_is_no_dead_letter_where_no_more_is_wanted() {
    let receiver = Receiver::answering(&[(410, None)]).await;
    let outbox = outbox(denials(0, 3));
    let notifier = notifier(&outbox, vec![chat(&receiver.url)]);
    assert_eq!(notifier.tick(after(30)).await, Ok(Tally::default()));
    assert_eq!(receiver.count(), 1);
    assert_eq!(outbox.outcome("d000-1", "chat"), (0, None));
}
