//! Moving in from Gotify: what its users had there, they have here.

mod database;
#[cfg(unix)]
mod encrypted;
#[cfg(unix)]
mod mysql;
mod odd_files;
#[cfg(unix)]
mod postgres;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use mortise_server::{
    Config, Server,
    import::{self, Choices, ImportError, Progress, Report, SameName},
};
use mortise_store::gotify::GotifySource;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::database::{SMALL, Size, Version, password, token, user_name, write};
use crate::support::{As, Running, ok};

pub(super) struct Quiet;

impl Progress for Quiet {
    fn messages(&self, _: u64, _: u64) {}
}

pub(super) fn choices(file: &Path, data_dir: &Path) -> Choices {
    Choices {
        source: GotifySource::File(file.to_owned()),
        data_dir: data_dir.to_owned(),
        images: None,
        dry_run: false,
        same_name: SameName::Stop,
        ignore_unknown: false,
    }
}

async fn imported(file: &Path, data_dir: &Path) -> Result<Report, ImportError> {
    import::import(&choices(file, data_dir), &Quiet).await
}

/// A database of Gotify with an image, in a folder of its own.
async fn gotify(version: Version, size: Size) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gotify.db");
    write(&file, version, size).await;
    fs::create_dir(folder.path().join("images")).unwrap();
    fs::write(
        folder.path().join("images/two.png"),
        b"\x89PNG\r\n\x1a\nof application 2",
    )
    .unwrap();
    (folder, file)
}

async fn serve(directory: TempDir) -> Running {
    let server = Server::start(Config::on(directory.path()), mortise_backends::of_server)
        .await
        .unwrap();
    assert!(server.first_run().is_none());
    Running {
        server,
        http: reqwest::Client::new(),
        directory,
    }
}

fn user(number: i64) -> (String, String) {
    (user_name(number), password(number))
}

async fn as_user(running: &Running, number: i64, path: &str) -> Value {
    let (name, password) = user(number);
    let request = running
        .request(reqwest::Method::GET, path, &As::Nobody)
        .basic_auth(name, Some(password));
    ok(running.send(request).await)
}

#[tokio::test]
async fn everything_moves_in() {
    for version in [Version::Two, Version::Three] {
        let (_gotify, file) = gotify(version, SMALL).await;
        let before = fs::read(&file).unwrap();
        let here = tempfile::tempdir().unwrap();
        let report = imported(&file, here.path()).await.unwrap();
        for (name, counts) in report.kinds() {
            assert_eq!(
                counts.found, counts.added,
                "{name} of {version:?}: {report:?}"
            );
            assert_ne!(counts.found, 0, "{name}");
        }
        assert_eq!(report.notes.len(), 1, "{report:?}");
        assert!(report.notes[0].contains("github.com/someone/weather"));
        assert_eq!(fs::read(&file).unwrap(), before);

        let running = serve(here).await;
        let me = as_user(&running, 1, "/current/user").await;
        assert_eq!((&me["id"], &me["admin"]), (&json!(1), &json!(true)));
        assert_eq!(as_user(&running, 2, "/current/user").await["admin"], false);
        if version == Version::Three {
            assert_eq!(me["createdAt"], "2021-02-03T03:05:06.789Z");
        }

        // Applications in their order, with their images.
        let applications = as_user(&running, 1, "/application").await;
        let ids: Vec<_> = applications
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["id"].as_i64().unwrap())
            .collect();
        match version {
            Version::Two => assert_eq!(ids, [1, 4, 7]),
            Version::Three => assert_eq!(ids, [7, 4, 1]),
        }
        let second = as_user(&running, 2, "/application").await;
        let image = second
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["id"] == 2)
            .unwrap()["image"]
            .as_str()
            .unwrap()
            .to_owned();
        let image = running
            .http
            .get(format!("{}/{image}", running.server.url()))
            .send()
            .await
            .unwrap();
        assert_eq!(image.status(), 200);
        assert_eq!(&image.bytes().await.unwrap()[..4], b"\x89PNG");

        // Messages with their numbers, newest first.
        let page = as_user(&running, 1, "/application/4/message?limit=1").await;
        let message = &page["messages"][0];
        assert_eq!(message["id"], 494);
        assert_eq!(message["message"], "text of 494 \u{1f680}");
        assert_eq!(message["title"], "title 494");
        assert_eq!(message["priority"], 494 % 11);
        assert_eq!(message["date"], "2020-09-13T12:34:54.123Z");
        let with_extras = as_user(&running, 3, "/message?limit=200").await;
        let extras = with_extras["messages"]
            .as_array()
            .unwrap()
            .iter()
            .find(|m| m["id"] == 489)
            .unwrap();
        assert_eq!(extras["extras"], json!({"n": 489}));

        // Tokens work, of applications and of clients.
        let sent = running
            .post(
                "/message",
                &As::Token(token(version, 'a', 2)),
                json!({"message": "new"}),
            )
            .await;
        let sent = ok(sent);
        assert_eq!((&sent["id"], &sent["appid"]), (&json!(501), &json!(2)));
        let clients = ok(running
            .get("/client", &As::Token(token(version, 'c', 3)))
            .await);
        assert_eq!(clients[0]["name"], "phone 3");
        let expires = if version == Version::Three {
            2_592_000
        } else {
            0
        };
        assert_eq!(clients[0]["expiresAfterInactivitySeconds"], expires);

        // The plugin's configuration and storage wait for the plugin.
        let store = &running.server.state().store;
        let plugins = store.plugin_instances_of(1).await.unwrap();
        assert_eq!(plugins[0].plugin, "github.com/someone/weather");
        assert_eq!(plugins[0].config.as_deref(), Some(database::CONFIG));
        assert_eq!(plugins[0].token, "Pabcdefghijklmn");
        assert!(!plugins[0].enabled);
        let blob = store.plugin_value(plugins[0].id, "gotify").await.unwrap();
        assert_eq!(blob.as_deref(), Some(&b"\x00blob\xff"[..]));
        assert_eq!(store.plugin_storage_bytes(plugins[0].id).await.unwrap(), 12);

        // Its application can go, because the plugin is not installed.
        let (name, password) = user(1);
        let delete = running.request(reqwest::Method::DELETE, "/application/1", &As::Nobody);
        ok(running.send(delete.basic_auth(name, Some(password))).await);
        running.server.shutdown().await;
    }
}

#[tokio::test]
async fn a_password_is_hashed_anew_at_the_first_login() {
    let (_gotify, file) = gotify(Version::Two, SMALL).await;
    let here = tempfile::tempdir().unwrap();
    imported(&file, here.path()).await.unwrap();
    let running = serve(here).await;
    let hash = async || {
        let store = &running.server.state().store;
        store.user(2).await.unwrap().unwrap().password_hash
    };
    assert!(hash().await.starts_with("$2a$"));
    let wrong = running.request(reqwest::Method::GET, "/current/user", &As::Nobody);
    let (status, _) = running
        .send(wrong.basic_auth("user 2", Some("wrong")))
        .await;
    assert_eq!(status, 401);
    as_user(&running, 2, "/current/user").await;
    // The hash is replaced beside the answer.
    let replaced = async {
        while !hash().await.starts_with("$argon2id$") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), replaced)
        .await
        .expect("not replaced");
    as_user(&running, 2, "/current/user").await;
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_second_run_brings_only_news() {
    let (_gotify, file) = gotify(Version::Three, SMALL).await;
    let here = tempfile::tempdir().unwrap();
    imported(&file, here.path()).await.unwrap();
    let database = here.path().join("mortise.db");
    let again = imported(&file, here.path()).await.unwrap();
    for (name, counts) in again.kinds() {
        assert_eq!((counts.added, counts.left_out), (0, 0), "{name}");
        assert_eq!(counts.present, counts.found, "{name}");
    }
    // Something was deleted here: it does not come back. Something is new there.
    let mut ours = database::connect(&database).await;
    database::execute(&mut ours, "PRAGMA foreign_keys = ON; DELETE FROM applications WHERE id = 3; DELETE FROM messages WHERE id = 1").await;
    let mut theirs = database::connect(&file).await;
    database::execute(
        &mut theirs,
        "INSERT INTO applications (token, user_id, name, description, sort_key) VALUES ('A_new_one_here.', 2, 'new', '', 'z');
         INSERT INTO messages (application_id, message, title, priority, date) VALUES (8, 'm', '', 1, '2021-02-03 04:05:06Z'), (3, 'm', '', 1, '2021-02-03 04:05:06Z')",
    )
    .await;
    let news = imported(&file, here.path()).await.unwrap();
    assert_eq!(news.applications.added, 1);
    assert_eq!((news.messages.added, news.messages.left_out), (1, 1));
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&mut ours)
        .await
        .unwrap();
    let deleted = (1..=500).filter(|n| (n - 1) % 7 + 1 == 3).count() as i64 + 1;
    assert_eq!(count, 500 - deleted + 1);
}

/// Stops the import after a group of messages, as an interruption does.
struct Interrupted(AtomicU64);

impl Progress for Interrupted {
    fn messages(&self, done: u64, _: u64) {
        self.0.store(done, Ordering::Relaxed);
        panic!("interrupted");
    }
}

#[tokio::test]
async fn an_interrupted_run_goes_on() {
    let size = Size {
        messages: 5000,
        ..SMALL
    };
    let (_gotify, file) = gotify(Version::Three, size).await;
    let here = tempfile::tempdir().unwrap();
    let chosen = choices(&file, here.path());
    let interrupted = tokio::spawn(async move {
        let progress = Interrupted(AtomicU64::new(0));
        import::import(&chosen, &progress).await.map(drop)
    });
    assert!(interrupted.await.unwrap_err().is_panic());
    let report = imported(&file, here.path()).await.unwrap();
    assert_eq!(report.messages.present, 2000);
    assert_eq!(report.messages.added, 3000);
    assert_eq!(report.users.present, 3);
    let mut ours = database::connect(&here.path().join("mortise.db")).await;
    let (count, first, last): (i64, i64, i64) =
        sqlx::query_as("SELECT count(*), min(id), max(id) FROM messages")
            .fetch_one(&mut ours)
            .await
            .unwrap();
    assert_eq!((count, first, last), (5000, 1, 5000));
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let (_gotify, file) = gotify(Version::Three, SMALL).await;
    let here = tempfile::tempdir().unwrap();
    let data_dir = here.path().join("data");
    let mut chosen = choices(&file, &data_dir);
    chosen.dry_run = true;
    let report = import::import(&chosen, &Quiet).await.unwrap();
    assert!(report.dry_run);
    assert_eq!(report.messages.added, 500);
    assert_eq!(report.images.added, 1);
    assert!(!data_dir.exists());
    imported(&file, &data_dir).await.unwrap();
    let report = import::import(&chosen, &Quiet).await.unwrap();
    assert_eq!((report.messages.added, report.users.present), (0, 3));
}

#[tokio::test]
async fn names_that_are_taken() {
    let (_gotify, file) = gotify(Version::Three, SMALL).await;
    for way in [SameName::Stop, SameName::Merge, SameName::Rename] {
        let running = crate::support::start().await;
        let sender = running.application("mine").await.1;
        ok(running
            .post("/message", &sender, json!({"message": "here before"}))
            .await);
        let Running {
            server, directory, ..
        } = running;
        // While the server runs, nothing is imported.
        let mut chosen = choices(&file, directory.path());
        chosen.same_name = way;
        let error = import::import(&chosen, &Quiet).await.unwrap_err();
        assert!(
            error.help().unwrap().contains("stop that server"),
            "{error}"
        );
        server.shutdown().await;
        let result = import::import(&chosen, &Quiet).await;
        if way == SameName::Stop {
            let error = result.unwrap_err();
            assert!(error.to_string().contains("`admin`"), "{error}");
            assert!(error.help().unwrap().contains("--same-name merge"));
            continue;
        }
        let report = result.unwrap();
        assert_eq!(report.messages.added, 500);
        assert!(
            report.notes.iter().any(|note| note.contains("new numbers")),
            "{report:?}"
        );
        let running = serve(directory).await;
        let admin = ok(running.get("/application", &crate::support::ADMIN).await);
        let names: Vec<_> = admin
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["name"].as_str().unwrap())
            .collect();
        if way == SameName::Merge {
            assert_eq!(names, ["mine", "app 7", "app 4", "app 1"]);
            let page = ok(running
                .get("/message?limit=200", &crate::support::ADMIN)
                .await);
            assert_eq!(page["messages"][0]["message"], "text of 498 \u{1f680}");
        } else {
            assert_eq!(names, ["mine"]);
            let request = running.request(reqwest::Method::GET, "/current/user", &As::Nobody);
            let me = ok(running
                .send(request.basic_auth("admin-gotify", Some(password(1))))
                .await);
            assert_eq!(me["admin"], true);
        }
        let sender = As::Token(token(Version::Three, 'a', 2));
        let sent = ok(running
            .post("/message", &sender, json!({"message": "m"}))
            .await);
        assert_eq!(sent["id"], 502);
        running.server.shutdown().await;
    }
}

/// The size that a large household or a small company has.
#[tokio::test]
async fn a_hundred_thousand_messages() {
    let size = Size {
        users: 50,
        applications: 500,
        messages: 100_000,
    };
    let (_gotify, file) = gotify(Version::Three, size).await;
    let here = tempfile::tempdir().unwrap();
    let started = std::time::Instant::now();
    let report = imported(&file, here.path()).await.unwrap();
    println!("imported in {:?}", started.elapsed());
    assert_eq!(report.users.added, 50);
    assert_eq!(report.applications.added, 500);
    assert_eq!(report.messages.added, 100_000);
    let running = serve(here).await;
    let page = as_user(&running, 50, "/message?limit=1").await;
    assert_eq!(page["messages"][0]["id"], 100_000);
    running.server.shutdown().await;
}
