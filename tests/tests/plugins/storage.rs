//! The plugins' storage: bounded, for each instance, and counted correctly.

use mortise_store::{StorageFull, TimerRow, TooManyTimers};

use crate::{Rig, data, fixture::plugin};

#[tokio::test]
async fn a_quota_counts_keys_and_values_of_one_instance() {
    let data = data(&[("a", plugin("a", &[], &[])), ("b", plugin("b", &[], &[]))]);
    let rig = Rig::start(data.path()).await;
    let store = &rig.server.state().store;
    let (a, b) = (rig.slot("a").await.id, rig.slot("b").await.id);
    let set = async |id, key: &str, value: &[u8]| {
        store.set_plugin_value(id, key, value, 20).await.unwrap()
    };
    assert_eq!(set(a, "ä", b"12345678").await, Ok(()), "10 bytes");
    assert_eq!(set(a, "b", b"123456789").await, Ok(()), "20 bytes");
    assert_eq!(set(a, "c", b"").await, Err(StorageFull { would_be: 21 }));
    assert_eq!(
        set(a, "b", b"1234567890").await,
        Err(StorageFull { would_be: 21 })
    );
    assert_eq!(
        store.plugin_value(a, "b").await.unwrap().unwrap(),
        b"123456789"
    );
    // Another instance has its own.
    assert_eq!(set(b, "c", b"1234567890").await, Ok(()));
    assert_eq!(store.plugin_value(a, "c").await.unwrap(), None);
    // Removed values free their space, and only once.
    store.remove_plugin_value(a, "ä").await.unwrap();
    store.remove_plugin_value(a, "ä").await.unwrap();
    assert_eq!(set(a, "c", b"123456789").await, Ok(()), "20 bytes");
    assert_eq!(set(a, "d", b"").await, Err(StorageFull { would_be: 21 }));
    // Under a lowered quota, what makes it smaller still goes.
    let shorter = store.set_plugin_value(a, "c", b"1", 5).await.unwrap();
    assert_eq!(shorter, Ok(()));
    rig.stop().await;
}

#[tokio::test]
async fn keys_are_found_by_prefix_and_sorted() {
    let data = data(&[("a", plugin("a", &[], &[]))]);
    let rig = Rig::start(data.path()).await;
    let store = &rig.server.state().store;
    let a = rig.slot("a").await.id;
    for key in ["a%b", "a", "a_", "ab", "b", "ä", "A"] {
        let set = store.set_plugin_value(a, key, b"", 100).await.unwrap();
        assert_eq!(set, Ok(()));
    }
    let keys = async |prefix| store.plugin_keys(a, prefix).await.unwrap();
    assert_eq!(keys("").await, ["A", "a", "a%b", "a_", "ab", "b", "ä"]);
    assert_eq!(keys("a").await, ["a", "a%b", "a_", "ab"]);
    assert_eq!(keys("a%").await, ["a%b"]);
    assert_eq!(keys("ä").await, ["ä"]);
    assert!(keys("z").await.is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn timers_are_bounded_and_replaced_by_name() {
    let data = data(&[("a", plugin("a", &[], &[]))]);
    let rig = Rig::start(data.path()).await;
    let store = &rig.server.state().store;
    let timer = |name: &str, next_ms| TimerRow {
        instance_id: 1,
        name: name.to_owned(),
        schedule: "{}".to_owned(),
        next_ms,
    };
    let set = async |timer: TimerRow| store.set_plugin_timer(&timer, 2).await.unwrap();
    assert_eq!(set(timer("a", 3)).await, Ok(()));
    assert_eq!(set(timer("b", 2)).await, Ok(()));
    assert_eq!(set(timer("c", 1)).await, Err(TooManyTimers));
    // To the same schedule again, it keeps its time; to another, it has a new one.
    assert_eq!(set(timer("a", 1)).await, Ok(()));
    let due = store.first_plugin_timers(&[1], 9).await.unwrap();
    assert_eq!(due, [timer("b", 2), timer("a", 3)]);
    let other = TimerRow {
        schedule: "[]".to_owned(),
        ..timer("a", 9)
    };
    assert_eq!(set(other).await, Ok(()));
    assert_eq!(set(timer("a", 1)).await, Ok(()));
    let due = store.first_plugin_timers(&[1], 9).await.unwrap();
    assert_eq!(due, [timer("a", 1), timer("b", 2)]);
    // Set anew meanwhile: it is not moved on.
    assert!(
        !store
            .advance_plugin_timer(&timer("a", 3), None)
            .await
            .unwrap()
    );
    assert!(
        store
            .advance_plugin_timer(&timer("a", 1), Some(7))
            .await
            .unwrap()
    );
    assert!(
        store
            .advance_plugin_timer(&timer("b", 2), None)
            .await
            .unwrap()
    );
    let due = store.first_plugin_timers(&[1], 9).await.unwrap();
    assert_eq!(due, [timer("a", 7)]);
    rig.stop().await;
}
