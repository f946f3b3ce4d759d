//! Starting, stopping, and two servers on one data directory.

use mortise_tests::server::{Data, body};
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
