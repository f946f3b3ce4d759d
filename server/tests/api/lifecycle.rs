//! First run, restart, and two servers on one directory.

use mortise_server::{Config, Server, StartError};
use serde_json::json;

use crate::support::{ADMIN, As, Running, config, ok, start};

#[tokio::test]
async fn a_restart_keeps_everything() {
    let running = start().await;
    let (_, sender) = running.application("A").await;
    let (_, client) = running.client(&ADMIN).await;
    let message = json!({"message": "kept", "extras": {"a": 1}});
    ok(running.post("/message", &sender, message).await);
    let paths = ["/message", "/application", "/client", "/user/1"];
    let mut before = Vec::new();
    for path in paths {
        before.push(ok(running.get(path, &ADMIN).await));
    }
    let Running {
        server,
        http,
        directory,
    } = running;
    server.shutdown().await;
    let server = Server::start(config(&directory), mortise_backends::of_server)
        .await
        .unwrap();
    assert!(server.first_run().is_none());
    let running = Running {
        server,
        http,
        directory,
    };
    for (path, before) in paths.into_iter().zip(before) {
        let mut after = ok(running.get(path, &ADMIN).await);
        let mut before = before;
        for list in [&mut before, &mut after] {
            for entry in list.as_array_mut().into_iter().flatten() {
                // Written a moment after the use it tells of.
                entry["lastUsed"].take();
            }
        }
        assert_eq!(after, before, "{path}");
    }
    ok(running.get("/message", &client).await);
    ok(running
        .post("/message", &sender, json!({"message": "more"}))
        .await);
    running.server.shutdown().await;
}

#[tokio::test]
async fn the_first_run_makes_up_a_password_and_shows_it_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(Config::on(directory.path()), mortise_backends::of_server)
        .await
        .unwrap();
    let first = server.first_run().unwrap().clone();
    let password = first.password.unwrap();
    assert_eq!(first.name, "admin");
    assert_eq!(password.len(), 20);
    let http = reqwest::Client::new();
    let url = format!("{}/current/user", server.url());
    let login = http.get(&url).basic_auth("admin", Some(&password));
    assert_eq!(login.send().await.unwrap().status(), 200);
    let login = http.get(&url).basic_auth("admin", Some("admin"));
    assert_eq!(login.send().await.unwrap().status(), 401);
    server.shutdown().await;
    let server = Server::start(Config::on(directory.path()), mortise_backends::of_server)
        .await
        .unwrap();
    assert!(server.first_run().is_none());
    server.shutdown().await;
    // It is absent from everything that was written.
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes
                .windows(password.len())
                .any(|window| window == password.as_bytes());
            assert!(!found, "{}", entry.path().display());
        }
    }
}

#[tokio::test]
async fn a_second_server_on_a_directory_is_refused() {
    let running = start().await;
    let error = Server::start(config(&running.directory), mortise_backends::of_server)
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::InUse(_)), "{error:?}");
    let text = error.to_string();
    let directory = running.directory.path().display().to_string();
    assert!(text.contains(&directory), "{text}");
    assert!(error.help().unwrap().contains("--data-dir"));
    ok(running.get("/health", &As::Nobody).await);
    let Running {
        server, directory, ..
    } = running;
    server.shutdown().await;
    let next = Server::start(config(&directory), mortise_backends::of_server)
        .await
        .unwrap();
    next.shutdown().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let running = start().await;
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        listen: vec![running.server.addr().into()],
        ..config(&directory)
    };
    let error = Server::start(config, mortise_backends::of_server)
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&running.server.addr().to_string()), "{text}");
    assert!(error.help().unwrap().contains("--listen"));
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_damaged_database_is_reported_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mortise.db");
    let content = "this is no database".repeat(100);
    std::fs::write(&file, &content).unwrap();
    let error = Server::start(config(&directory), mortise_backends::of_server)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("mortise.db"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
}

#[tokio::test]
async fn a_request_in_flight_is_answered_at_the_end() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let running = start().await;
    let (_, As::Token(token)) = running.application("A").await else {
        panic!("no token");
    };
    let mut connection = tokio::net::TcpStream::connect(running.server.addr())
        .await
        .unwrap();
    let head = format!(
        "POST /message HTTP/1.1\r\nhost: x\r\nx-gotify-key: {token}\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: 15\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body when it has begun to answer.
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(b"{\"message\":").await.unwrap();
    let (url, address) = (running.server.url(), running.server.addr());
    let stopped = tokio::spawn(running.server.shutdown());
    mortise_wait::until("the end of new connections", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    assert!(!stopped.is_finished(), "it waits for the request");
    connection.write_all(b"\"x\"}").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stopped.await.unwrap();
    let later = reqwest::Client::new().get(url).send().await;
    assert!(later.unwrap_err().is_connect());
}
