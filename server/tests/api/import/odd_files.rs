//! Databases that are in use, that a crash left, or that are none of Gotify's.

use std::fs;

use mortise_server::import;
use sqlx::Connection as _;

use super::{
    Quiet, choices,
    database::{self, SMALL, Version, write},
    imported,
};

/// Why an import fails.
async fn refusal(file: &std::path::Path) -> String {
    let here = tempfile::tempdir().unwrap();
    imported(file, here.path()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn files_that_are_no_database_of_gotify() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let missing = refusal(&path("missing.db")).await;
    assert!(missing.contains("check the path"), "{missing}");
    let directory = refusal(folder.path()).await;
    assert!(directory.contains("it is a folder"), "{directory}");
    fs::write(path("text"), "server:\n  port: 80\n").unwrap();
    let text = refusal(&path("text")).await;
    assert!(
        text.contains("neither a database of SQLite nor a dump"),
        "{text}"
    );
    fs::write(path("empty"), "").unwrap();
    assert!(
        refusal(&path("empty"))
            .await
            .contains("neither a database of SQLite nor a dump")
    );
    let mut broken = b"SQLite format 3\0".to_vec();
    broken.resize(5000, 0x55);
    fs::write(path("broken"), broken).unwrap();
    let broken = refusal(&path("broken")).await;
    assert!(broken.contains("integrity_check"), "{broken}");

    let mut other = database::connect(&path("other.db")).await;
    database::execute(&mut other, "CREATE TABLE users (id INTEGER, name TEXT)").await;
    other.close().await.unwrap();
    let other = refusal(&path("other.db")).await;
    assert!(other.contains("lacks the column `pass`"), "{other}");

    let ours = tempfile::tempdir().unwrap();
    let running = crate::support::start().await;
    fs::copy(
        running.directory.path().join("mortise.db"),
        ours.path().join("copy.db"),
    )
    .unwrap();
    let database = running.directory.path().join("mortise.db");
    let ours = refusal(&database).await;
    assert!(ours.contains("database of Mortise"), "{ours}");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_newer_gotify() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gotify.db");
    write(&file, Version::Three, SMALL).await;
    let mut theirs = database::connect(&file).await;
    database::execute(&mut theirs, "ALTER TABLE messages ADD COLUMN colour text").await;
    theirs.close().await.unwrap();
    let error = refusal(&file).await;
    assert!(error.contains("messages.colour"), "{error}");
    let here = tempfile::tempdir().unwrap();
    let mut chosen = choices(&file, here.path());
    chosen.ignore_unknown = true;
    let report = import::import(&chosen, &Quiet).await.unwrap();
    assert_eq!(report.messages.added, 500);
}

#[tokio::test]
async fn while_its_server_runs_and_after_it_crashed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gotify.db");
    write(&file, Version::Three, SMALL).await;
    let mut theirs = database::connect(&file).await;
    database::execute(
        &mut theirs,
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
         INSERT INTO messages (application_id, message, title, priority, date)
         VALUES (1, 'in the log', '', 1, '2021-02-03 04:05:06Z')",
    )
    .await;
    let wal = folder.path().join("gotify.db-wal");
    let before = (fs::read(&file).unwrap(), fs::read(&wal).unwrap());
    let here = tempfile::tempdir().unwrap();
    let report = imported(&file, here.path()).await.unwrap();
    assert_eq!(report.messages.added, 501);
    assert_eq!((fs::read(&file).unwrap(), fs::read(&wal).unwrap()), before);
    // As a crash leaves them.
    let crashed = tempfile::tempdir().unwrap();
    for name in ["gotify.db", "gotify.db-wal"] {
        fs::copy(folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    let copy = crashed.path().join("gotify.db");
    let here = tempfile::tempdir().unwrap();
    let report = imported(&copy, here.path()).await.unwrap();
    assert_eq!(report.messages.added, 501);
    assert_eq!(fs::read(&copy).unwrap(), before.0);
    theirs.close().await.unwrap();
}

#[tokio::test]
async fn a_journal_that_a_crash_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gotify.db");
    write(&file, Version::Two, SMALL).await;
    let mut theirs = database::connect(&file).await;
    // Pages of the transaction are written before its end, for want of memory.
    database::execute(
        &mut theirs,
        "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA cache_size = 2; BEGIN;
         UPDATE messages SET message = message || message || message || message",
    )
    .await;
    let crashed = tempfile::tempdir().unwrap();
    for name in ["gotify.db", "gotify.db-journal"] {
        fs::copy(folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    let copy = crashed.path().join("gotify.db");
    let before = fs::read(&copy).unwrap();
    let here = tempfile::tempdir().unwrap();
    let report = imported(&copy, here.path()).await.unwrap();
    assert_eq!(report.messages.added, 500);
    let mut ours = database::connect(&here.path().join("mortise.db")).await;
    let changed: i64 = sqlx::query_scalar("SELECT count(*) FROM messages WHERE length(body) > 30")
        .fetch_one(&mut ours)
        .await
        .unwrap();
    assert_eq!(changed, 0);
    assert_eq!(fs::read(&copy).unwrap(), before);
    database::execute(&mut theirs, "ROLLBACK").await;
}
