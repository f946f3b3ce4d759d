//! The ready-made catalogue.

use mortise_manager::{
    Catalogue,
    embedder::{DeadLetter, FilterPlace, Selection, StorageFull, StoredTimer, TooManyTimers},
    local::{LocalCatalogue, LocalError},
};
use mortise_runtime::grants::UserGrants;

fn timer(name: &str, schedule: &str, next_ms: i64) -> StoredTimer {
    StoredTimer {
        id: 1,
        name: name.to_owned(),
        schedule: schedule.to_owned(),
        next_ms,
    }
}

async fn with_plugin(catalogue: &LocalCatalogue) {
    catalogue.add_user_plugins(&[7], &["a"]).await.unwrap();
}

#[tokio::test]
async fn users_plugins_are_created_once_and_selected() {
    let catalogue = LocalCatalogue::in_memory();
    for users in [&[7][..], &[7, 8]] {
        catalogue
            .add_user_plugins(users, &["a", "b"])
            .await
            .unwrap();
    }
    catalogue
        .enable(2, &UserGrants::default(), 5)
        .await
        .unwrap();
    let ids = async |selection| {
        let all = catalogue.user_plugins(selection).await.unwrap();
        all.iter().map(|plugin| plugin.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Selection::OfUser(7)).await, [1, 2]);
    assert_eq!(ids(Selection::OfPlugin("b")).await, [2, 4]);
    assert_eq!(ids(Selection::Enabled).await, [2]);
    let [one, two] = [1, 2].map(|id| catalogue.user_plugin(id));
    let (one, two) = (one.await.unwrap().unwrap(), two.await.unwrap().unwrap());
    assert!(one.token.len() >= 16 && one.token != two.token);
    let found = catalogue.user_plugin_by_token(&two.token).await.unwrap();
    assert_eq!(found, Some(two));

    catalogue.forget_consents("b").await.unwrap();
    assert_eq!(ids(Selection::Enabled).await, Vec::<i64>::new());
    catalogue.remove_user(7).await.unwrap();
    assert_eq!(ids(Selection::OfPlugin("a")).await, [3]);
}

#[tokio::test]
async fn storage_holds_a_quota() {
    let catalogue = LocalCatalogue::in_memory();
    with_plugin(&catalogue).await;
    let set =
        async |key, value: &[u8], quota| catalogue.set_value(1, key, value, quota).await.unwrap();
    assert_eq!(set("ab", b"12345678", 20).await, Ok(()));
    assert_eq!(set("b", b"123456789", 20).await, Ok(()));
    assert_eq!(set("c", b"", 20).await, Err(StorageFull { would_be: 21 }));
    // A change to less is allowed although the quota was lowered.
    assert_eq!(set("b", b"1", 5).await, Ok(()));
    assert_eq!(catalogue.storage_bytes(1).await.unwrap(), 12);
    assert_eq!(catalogue.keys(1, "a").await.unwrap(), ["ab"]);
    catalogue.remove_value(1, "ab").await.unwrap();
    assert_eq!(catalogue.value(1, "ab").await.unwrap(), None);
    assert_eq!(catalogue.value(1, "b").await.unwrap(), Some(b"1".to_vec()));
}

#[tokio::test]
async fn timers_keep_their_time_and_are_bounded() {
    let catalogue = LocalCatalogue::in_memory();
    with_plugin(&catalogue).await;
    let set = async |timer: StoredTimer| catalogue.set_timer(&timer, 2).await.unwrap();
    assert_eq!(set(timer("a", "1", 10)).await, Ok(()));
    assert_eq!(set(timer("b", "1", 5)).await, Ok(()));
    assert_eq!(set(timer("c", "1", 1)).await, Err(TooManyTimers));
    // The same schedule keeps its time; another one has a new time.
    assert_eq!(set(timer("a", "1", 20)).await, Ok(()));
    assert_eq!(set(timer("b", "2", 30)).await, Ok(()));
    let next = async |limit| catalogue.next_timers(&[1, 9], limit).await.unwrap();
    assert_eq!(next(2).await, [timer("a", "1", 10), timer("b", "2", 30)]);
    assert_eq!(next(1).await.len(), 1);

    let advance =
        async |timer: StoredTimer, next_ms| catalogue.advance_timer(&timer, next_ms).await.unwrap();
    assert!(!advance(timer("a", "1", 20), Some(40)).await);
    assert!(advance(timer("a", "1", 10), Some(40)).await);
    assert!(advance(timer("b", "2", 30), None).await);
    assert_eq!(next(2).await, [timer("a", "1", 40)]);
}

#[tokio::test]
async fn dead_letters_move_the_cursor_and_are_bounded() {
    let catalogue = LocalCatalogue::in_memory();
    with_plugin(&catalogue).await;
    let letter = |message| DeadLetter {
        message,
        attempts: 8,
        error: "no".to_owned(),
    };
    for message in 1..=1001 {
        catalogue
            .add_dead_letter(1, &letter(message))
            .await
            .unwrap();
    }
    let letters = catalogue.dead_letters(1).await.unwrap();
    assert_eq!((letters.len(), &letters[0]), (1000, &letter(1001)));
    assert!(!catalogue.has_dead_letter(1, 1).await.unwrap());
    let plugin = catalogue.user_plugin(1).await.unwrap().unwrap();
    assert_eq!(plugin.cursor, 1001);

    catalogue.note_dead_letter(1, 1001, "again").await.unwrap();
    catalogue.remove_dead_letter(1, 1000).await.unwrap();
    let letters = catalogue.dead_letters(1).await.unwrap();
    assert_eq!(
        (letters[0].attempts, letters[0].error.as_str()),
        (9, "again")
    );
    assert_eq!(letters[1], letter(999));
}

#[tokio::test]
async fn a_file_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalogue.json");
    let catalogue = LocalCatalogue::open(&file).unwrap();
    assert!(!file.exists());
    with_plugin(&catalogue).await;
    let sending = UserGrants {
        send_messages: true,
        ..UserGrants::default()
    };
    catalogue.enable(1, &sending, 3).await.unwrap();
    catalogue.set_config(1, "a: 1 # mine").await.unwrap();
    catalogue
        .set_value(1, "k", &[0, 255], 100)
        .await
        .unwrap()
        .unwrap();
    catalogue
        .set_timer(&timer("t", "1", 9), 1)
        .await
        .unwrap()
        .unwrap();
    let place = FilterPlace {
        id: 1,
        order: 4,
        fail_closed: true,
    };
    catalogue.place_filters(&[place]).await.unwrap();
    let plugin = catalogue.user_plugin(1).await.unwrap();

    let again = LocalCatalogue::open(&file).unwrap();
    assert_eq!(again.user_plugin(1).await.unwrap(), plugin);
    assert_eq!(again.value(1, "k").await.unwrap(), Some(vec![0, 255]));
    assert_eq!(
        again.next_timers(&[1], 1).await.unwrap(),
        [timer("t", "1", 9)]
    );
    // Nothing but the file is left in its folder.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    std::fs::write(&file, "{").unwrap();
    let error = LocalCatalogue::open(&file).unwrap_err();
    assert!(matches!(error, LocalError::Parse { .. }), "{error}");
    assert!(error.to_string().contains("catalogue.json"), "{error}");
}

#[tokio::test]
async fn a_deleted_users_plugin_is_neither_enabled_nor_stored() {
    let catalogue = LocalCatalogue::in_memory();
    with_plugin(&catalogue).await;
    catalogue.remove_user(7).await.unwrap();
    assert!(
        catalogue
            .enable(1, &UserGrants::default(), 0)
            .await
            .is_err()
    );
    assert!(catalogue.set_value(1, "k", b"v", 100).await.is_err());
    assert!(catalogue.set_timer(&timer("t", "1", 1), 1).await.is_err());
    // An instance that stops after its user may still note something.
    catalogue.set_cursor(1, 5).await.unwrap();
    assert_eq!(catalogue.user_plugin(1).await.unwrap(), None);
}

#[tokio::test]
async fn a_change_that_cannot_be_stored_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = LocalCatalogue::open(&folder.path().join("gone/catalogue.json")).unwrap();
    assert!(catalogue.add_user_plugins(&[7], &["a"]).await.is_err());
    assert_eq!(catalogue.user_plugin(1).await.unwrap(), None);
}
