//! Starting, stopping, and two servers on one data directory.

use std::process::Command;

use mortise_tests::server::{Data, body, program};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let data = Data::new();
    let server = data.serve().await;
    let token = server.application("backup").await;
    let sent = body(server.send(&token, &json!({"message": "done"})).await).await;
    server.stop().await;

    let server = data.serve().await;
    let messages = server.messages().await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["id"], sent["id"]);
    assert_eq!(messages[0]["message"], "done");
    // The application's token is good still.
    body(server.send(&token, &json!({"message": "again"})).await).await;
    server.stop().await;
}

#[tokio::test]
async fn a_second_server_on_a_data_directory_says_so_and_leaves_the_first_alone() {
    let data = Data::new();
    let server = data.serve().await;
    let second = data.command().output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another server is running"), "{said}");
    assert!(said.contains("--data-dir"), "{said}");
    server.assert_healthy().await;
    let token = server.application("backup").await;
    body(server.send(&token, &json!({"message": "still here"})).await).await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_was_killed_leaves_its_data_directory_free() {
    let data = Data::new();
    // Dropping it kills it without a warning.
    drop(data.serve().await);
    let server = data.serve().await;
    server.assert_healthy().await;
    let answer = server
        .admin(Method::GET, "/current/user")
        .send()
        .await
        .unwrap();
    assert_eq!(body(answer).await["admin"], true);
    server.stop().await;
}

#[tokio::test]
async fn the_health_of_a_server_is_an_exit_code() {
    let data = Data::new();
    let health = |arguments: &[&str]| {
        let mut command = Command::new(program());
        command.arg("health").args(arguments);
        command.env("MORTISE_DATA_DIR", data.path());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    let (code, said) = health(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no server runs"), "{said}");

    let server = data.serve().await;
    let (code, said) = health(&[]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = health(&["--json", "--url", server.url()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(r#""database":"green""#), "{said}");
    let elsewhere = format!("{}/docs", server.url());
    let (code, said) = health(&["--url", &elsewhere]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no health of Mortise"), "{said}");
    server.stop().await;
    let (code, said) = health(&[]);
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(program())
        .arg("manual")
        .arg(folder.path().join("man1"))
        .output()
        .unwrap();
    assert!(written.status.success(), "{written:?}");
    let page = |name: &str| std::fs::read_to_string(folder.path().join("man1").join(name));
    assert!(page("mortise.1").unwrap().contains("mortise\\-serve"));
    assert!(page("mortise-serve.1").unwrap().contains("MORTISE_LISTEN"));
    assert!(page("mortise-plugin-install.1").is_ok());
}
