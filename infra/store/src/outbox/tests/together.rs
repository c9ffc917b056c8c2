//! Deliveries that are claimed and sent together.

use super::*;

#[tokio::test]
async fn what_is_not_chosen_stays_due_and_what_was_claimed_together_shows_it() {
    let (store, _directory) = testing::store().await;
    alerts(&store, &["C1", "C2", "C3"]).await;
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    let without_second = |due: Vec<DueDelivery>| {
        let wanted = |delivery: &DueDelivery| delivery.notification.id != "C2-1";
        due.into_iter().filter(wanted).collect()
    };
    let chosen = async |now: i64| {
        let (now, until) = (at(now), at(now + LATER));
        let due = store.claim_chosen("bus", Lane::Urgent, now, until, 9, &without_second);
        let due = due.await.unwrap().into_iter();
        due.map(|due| (due.notification.id, due.due))
            .collect::<Vec<_>>()
    };
    let first = chosen(10).await;
    assert_eq!(
        first,
        [("C1-1".to_owned(), at(0)), ("C3-1".to_owned(), at(2))]
    );
    assert_eq!(chosen(11).await, [], "they are claimed");
    assert_eq!(
        claimed(&store, "bus", 12, 9).await,
        [("C2-1".to_owned(), 0)]
    );
    let again = chosen(10 + LATER).await;
    let since = at(10 + LATER);
    assert_eq!(
        again,
        [("C1-1".to_owned(), since), ("C3-1".to_owned(), since)]
    );
}

#[tokio::test]
async fn an_attempt_at_several_is_recorded_for_all_or_none() {
    let (store, _directory) = testing::store().await;
    alerts(&store, &["C1", "C2"]).await;
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    let unknown = store
        .attempted(&["C1-1", "C9-1"], "bus", Attempted::Delivered, at(1))
        .await
        .unwrap_err();
    assert_eq!(unknown.message, "there is no delivery of C9-1 to bus");
    assert_eq!(store.entries(0, 10).await.unwrap().len(), 0);
    for _ in 0..2 {
        store
            .attempted(&["C1-1", "C2-1"], "bus", Attempted::Delivered, at(1))
            .await
            .unwrap();
    }
    let entries = store.entries(0, 10).await.unwrap();
    let confirmed: Vec<_> = entries
        .into_iter()
        .map(|stored| match stored.entry.record {
            Record::Delivery(delivery) => delivery.notification,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(confirmed, ["C1-1", "C2-1"], "each by itself, once");
    assert_eq!(store.oldest_undelivered().await, Ok(None));
}
