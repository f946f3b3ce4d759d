//! Backups of a running server, and putting them back.

use std::fs;

use mortise_server::{
    Config, Server,
    backup::{self, BackupError},
};
use reqwest::{Method, multipart};
use serde_json::json;

use crate::support::{ADMIN, As, PASSWORD, Running, ok, start};

#[tokio::test]
async fn a_running_server_is_copied_and_put_back() {
    let running = start().await;
    let (application, sender) = running.application("one").await;
    ok(running
        .post("/message", &sender, json!({"message": "m"}))
        .await);
    let image = multipart::Part::bytes(b"\x89PNG\r\n\x1a\nan image".to_vec()).file_name("a.png");
    let path = format!("/application/{application}/image");
    let upload = running.request(Method::POST, &path, &ADMIN);
    let upload = upload.multipart(multipart::Form::new().part("file", image));
    let image = ok(running.send(upload).await)["image"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(
        running.directory.path().join("mortise.toml"),
        "max-streams = 0\n",
    )
    .unwrap();

    let place = tempfile::tempdir().unwrap();
    let copy = place.path().join("copy");
    let made = backup::backup(running.directory.path(), &copy)
        .await
        .unwrap();
    assert_eq!(backup::check(&copy).unwrap(), made);
    assert!(made.files.contains_key("mortise.toml"), "{made:?}");
    for left_out in ["running.json", "mortise.lock", "mortise.db-wal"] {
        assert!(!copy.join(left_out).exists(), "{left_out}");
    }
    // What comes later is not in it.
    ok(running
        .post("/message", &sender, json!({"message": "later"}))
        .await);
    let again = backup::backup(running.directory.path(), &copy)
        .await
        .unwrap_err();
    assert!(matches!(again, BackupError::NotEmpty { .. }), "{again}");
    let over = backup::restore(&copy, running.directory.path())
        .await
        .unwrap_err();
    assert!(over.to_string().contains("stop its server"), "{over}");
    running.server.shutdown().await;

    let directory = tempfile::tempdir().unwrap();
    backup::restore(&copy, directory.path()).await.unwrap();
    let server = Server::start(Config::on(directory.path()), mortise_backends::of_server)
        .await
        .unwrap();
    let running = Running {
        server,
        http: reqwest::Client::new(),
        directory,
    };
    let page = ok(running
        .get("/message", &As::Password("admin", PASSWORD))
        .await);
    assert_eq!(page["paging"]["size"], 1);
    let image = format!("{}/{image}", running.server.url());
    assert_eq!(running.http.get(image).send().await.unwrap().status(), 200);
    ok(running
        .post("/message", &sender, json!({"message": "m"}))
        .await);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_damaged_backup_is_not_put_back() {
    let running = start().await;
    let place = tempfile::tempdir().unwrap();
    let copy = place.path().join("copy");
    backup::backup(running.directory.path(), &copy)
        .await
        .unwrap();
    running.server.shutdown().await;
    let target = place.path().join("target");
    let refusal = async || {
        backup::restore(&copy, &target)
            .await
            .unwrap_err()
            .to_string()
    };
    let whole = fs::read(copy.join("mortise.db")).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    fs::write(copy.join("mortise.db"), damaged).unwrap();
    assert!(refusal().await.contains("has another content"));
    fs::remove_file(copy.join("mortise.db")).unwrap();
    assert!(refusal().await.contains("is missing"));
    fs::write(copy.join("mortise.db"), whole).unwrap();
    let list = fs::read_to_string(copy.join("backup.json")).unwrap();
    let out = list.replace("\"mortise.db\"", "\"../mortise.db\"");
    fs::write(copy.join("backup.json"), out).unwrap();
    assert!(refusal().await.contains("out of the backup"));
    let newer = list.replace("\"form\": 1", "\"form\": 99");
    fs::write(copy.join("backup.json"), newer).unwrap();
    assert!(refusal().await.contains("update Mortise"));
    fs::remove_file(copy.join("backup.json")).unwrap();
    assert!(refusal().await.contains("is no backup"));
    assert!(!target.exists());
    let nothing = backup::backup(&target, &place.path().join("x"))
        .await
        .unwrap_err();
    assert!(nothing.to_string().contains("--data-dir"), "{nothing}");
}
