//! Applications, clients, users and what anybody may ask.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{ADMIN, As, Running, id, ok, refused, start, start_with_clock, token};

#[tokio::test]
async fn anybody_may_ask_what_this_is() {
    let running = start().await;
    let nobody = As::Nobody;
    let health = ok(running.get("/health", &nobody).await);
    assert_eq!(health, json!({"health": "green", "database": "green"}));
    let version = ok(running.get("/version", &nobody).await);
    assert_eq!(version["version"], "3.0.0");
    assert_eq!(version["mortiseVersion"], env!("CARGO_PKG_VERSION"));
    let info = ok(running.get("/gotifyinfo", &nobody).await);
    assert_eq!(info["oidc"], false);
    assert_eq!(info["register"], false);
    assert_eq!(info["version"], version["version"]);
    refused(running.get("/nothing", &nobody).await, 404, "not found");
    refused(
        running.put("/message", &nobody, json!({})).await,
        405,
        "method",
    );
    let head = running.request(Method::HEAD, "/health", &nobody);
    assert_eq!(head.send().await.unwrap().status(), StatusCode::OK);
    running.server.shutdown().await;
}

#[tokio::test]
async fn an_application_lives_and_dies() {
    let running = start().await;
    let params = json!({"name": "A", "description": "d", "defaultPriority": 5});
    let created = ok(running.post("/application", &ADMIN, params).await);
    let path = format!("/application/{}", id(&created));
    let secret = created["token"].as_str().unwrap();
    assert!(secret.starts_with('A') && secret.len() == 15);
    assert_eq!(created["internal"], false);
    assert_eq!(created["image"], "static/defaultapp.png");
    assert_eq!(created["sortKey"], "a0");
    assert_eq!(created["lastUsed"], json!(null));
    let listed = ok(running.get("/application", &ADMIN).await);
    assert_eq!(listed[0]["name"], "A");
    assert_eq!(listed[0]["token"], "", "shown only once");
    let (second, _) = running.application("B").await;
    let move_up = json!({"name": "B2", "sortKey": "Zz"});
    ok(running
        .put(&format!("/application/{second}"), &ADMIN, move_up)
        .await);
    let listed = ok(running.get("/application", &ADMIN).await);
    assert_eq!(listed[0]["name"], "B2");
    assert_eq!(listed[1]["name"], "A");
    refused(
        running
            .put(&path, &ADMIN, json!({"name": "A", "sortKey": "Zz"}))
            .await,
        400,
        "sort key is not unique",
    );
    refused(
        running.put(&path, &ADMIN, json!({"name": ""})).await,
        400,
        "'name' is required",
    );
    refused(
        running
            .post(
                "/application",
                &ADMIN,
                json!({"name": "x".repeat((16 << 10) + 1)}),
            )
            .await,
        400,
        "at most 16384",
    );
    let secure = format!("{path}/security");
    let renewed = ok(running
        .put(&secure, &ADMIN, json!({"regenerateToken": true}))
        .await);
    let new = token(&renewed["regenerateToken"]);
    let message = json!({"message": "x"});
    refused(
        running
            .post("/message", &token(&created), message.clone())
            .await,
        401,
        "access token",
    );
    ok(running.post("/message", &new, message.clone()).await);
    ok(running.delete(&path, &ADMIN).await);
    refused(
        running.post("/message", &new, message).await,
        401,
        "access token",
    );
    refused(running.delete(&path, &ADMIN).await, 404, "doesn't exist");
    let list = ok(running.get("/message", &ADMIN).await);
    assert_eq!(list["paging"]["size"], 0, "its messages go with it");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_plugins_application_cannot_be_deleted() {
    let running = start().await;
    let state = running.server.state();
    let new = || mortise_store::NewApplication {
        name: "Plugin",
        description: "",
        default_priority: 0,
        sort_key: None,
    };
    let made = state
        .store
        .plugin_application(1, 7, "", new())
        .await
        .unwrap();
    let again = state
        .store
        .plugin_application(1, 7, "", new())
        .await
        .unwrap();
    assert_eq!(made, again);
    let path = format!("/application/{}", made.id);
    refused(
        running.delete(&path, &ADMIN).await,
        400,
        "cannot delete internal application",
    );
    refused(
        running
            .put(
                &format!("{path}/security"),
                &ADMIN,
                json!({"regenerateToken": true}),
            )
            .await,
        400,
        "no token",
    );
    let listed = ok(running.get("/application", &ADMIN).await);
    assert_eq!(listed[0]["internal"], true);
    running.server.shutdown().await;
}

async fn upload(
    running: &Running,
    application: i64,
    bytes: Vec<u8>,
) -> (StatusCode, serde_json::Value) {
    let part = reqwest::multipart::Part::bytes(bytes).file_name("../../evil.html");
    let form = reqwest::multipart::Form::new().part("file", part);
    let path = format!("/application/{application}/image");
    let request = running.request(Method::POST, &path, &ADMIN).multipart(form);
    running.send(request).await
}

#[tokio::test]
async fn an_application_has_an_image() {
    let running = start().await;
    let (application, _) = running.application("A").await;
    let png = b"\x89PNG\r\n\x1a\n and the rest".to_vec();
    let images = running.directory.path().join("images");
    let set = ok(upload(&running, application, png.clone()).await);
    let first = set["image"].as_str().unwrap().to_owned();
    let get = async |path: &str| {
        let request = running.request(Method::GET, &format!("/{path}"), &As::Nobody);
        request.send().await.unwrap()
    };
    let served = get(&first).await;
    assert_eq!(served.headers()["content-type"], "image/png");
    assert_eq!(served.headers()["x-content-type-options"], "nosniff");
    assert_eq!(served.bytes().await.unwrap(), png);
    let second = ok(upload(&running, application, b"GIF89a".to_vec()).await);
    assert!(second["image"].as_str().unwrap().ends_with(".gif"));
    assert_eq!(get(&first).await.status(), StatusCode::NOT_FOUND);
    refused(
        upload(&running, application, b"<svg onload=alert(1)>".to_vec()).await,
        400,
        "must be an image",
    );
    let mut large = png;
    large.resize(2 << 20, 0);
    ok(upload(&running, application, large.clone()).await);
    large.resize((16 << 20) + 1, 0);
    refused(
        upload(&running, application, large.clone()).await,
        413,
        "this server accepts 16MiB",
    );
    large.resize(18 << 20, 0);
    refused(upload(&running, application, large).await, 413, "");
    for path in ["image/..%2fmortise.db", "image/mortise.db"] {
        assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND);
    }
    let path = format!("/application/{application}/image");
    let reset = ok(running.delete(&path, &ADMIN).await);
    assert_eq!(reset["image"], "static/defaultapp.png");
    assert_eq!(get("static/defaultapp.png").await.status(), StatusCode::OK);
    refused(running.delete(&path, &ADMIN).await, 400, "customized image");
    assert_eq!(std::fs::read_dir(images).unwrap().count(), 0);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_client_expires_when_it_is_not_used() {
    let (running, clock) = start_with_clock().await;
    let created = ok(running
        .post(
            "/client",
            &ADMIN,
            json!({"name": "short", "expiresAfterInactivitySeconds": 3600}),
        )
        .await);
    let secret = created["token"].as_str().unwrap();
    assert!(secret.starts_with('C') && secret.len() == 15);
    assert!(created["expiresAt"].is_string());
    // To be looked at is no use, and it lives until its time is over.
    clock.advance(Duration::from_secs(3500));
    let listed = ok(running.get("/client", &ADMIN).await);
    assert_eq!(listed[0]["name"], "short", "{listed}");
    clock.advance(Duration::from_secs(101));
    refused(
        running.get("/message", &token(&created)).await,
        401,
        "access token",
    );
    let (lasting, who) = running.client(&ADMIN).await;
    let path = format!("/client/{lasting}");
    let renamed = ok(running.put(&path, &who, json!({"name": "new"})).await);
    assert_eq!(renamed["name"], "new");
    assert_eq!(renamed["expiresAfterInactivitySeconds"], 0);
    assert!(renamed.get("expiresAt").is_none());
    refused(
        running
            .put(
                &path,
                &who,
                json!({"name": "n", "expiresAfterInactivitySeconds": -1}),
            )
            .await,
        400,
        "expiresAfterInactivitySeconds",
    );
    running.server.shutdown().await;
}

#[tokio::test]
async fn users_come_and_go_but_not_the_last_administrator() {
    let running = start().await;
    let bob = ok(running
        .post("/user", &ADMIN, json!({"name": "bob", "pass": "one"}))
        .await);
    assert_eq!(bob["admin"], false);
    assert!(bob.get("pass").is_none());
    let path = format!("/user/{}", id(&bob));
    let create = async |body| running.post("/user", &ADMIN, body).await;
    refused(
        create(json!({"name": "bob", "pass": "x"})).await,
        400,
        "username already exists",
    );
    refused(create(json!({"name": "eve"})).await, 400, "'pass'");
    refused(
        create(json!({"name": "e:ve", "pass": "x"})).await,
        400,
        "colon",
    );
    let last = "cannot delete last admin";
    refused(running.delete("/user/1", &ADMIN).await, 400, last);
    refused(
        running
            .post("/user/1", &ADMIN, json!({"name": "admin", "admin": false}))
            .await,
        400,
        last,
    );
    refused(running.get("/user/99", &ADMIN).await, 404, "user does not");
    // A new password ends the old one, cached or not.
    let bob = |password| As::Password("bob", password);
    ok(running.get("/current/user", &bob("one")).await);
    ok(running
        .post(&path, &ADMIN, json!({"name": "bob", "pass": "two"}))
        .await);
    refused(running.get("/message", &bob("one")).await, 401, "");
    ok(running
        .post(
            "/current/user/password",
            &bob("two"),
            json!({"pass": "three"}),
        )
        .await);
    refused(running.get("/message", &bob("two")).await, 401, "");
    // With another administrator, the first may go.
    ok(running
        .post(&path, &ADMIN, json!({"name": "bob", "admin": true}))
        .await);
    assert_eq!(
        ok(running.get("/user", &bob("three")).await)
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let (_, sender) = running.application("admin's").await;
    ok(running.delete("/user/1", &bob("three")).await);
    refused(running.get("/message", &ADMIN).await, 401, "");
    let message = json!({"message": "x"});
    refused(running.post("/message", &sender, message).await, 401, "");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_session_begins_and_ends() {
    let running = start().await;
    let login = running
        .request(Method::POST, "/auth/local/login", &ADMIN)
        .form(&[("name", "browser")]);
    let response = login.send().await.unwrap();
    let cookie = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let user: serde_json::Value = response.json().await.unwrap();
    assert_eq!(user["name"], "admin");
    assert!(user["clientId"].is_i64() && user["elevatedUntil"].is_string());
    let secret = cookie
        .strip_prefix("gotify-client-token=")
        .and_then(|rest| rest.split(';').next())
        .unwrap();
    let session = As::Token(secret.to_owned());
    // It is elevated: the password was given a moment ago.
    ok(running.get("/user", &session).await);
    let logout = async |who| running.post("/auth/logout", who, json!({})).await;
    refused(logout(&ADMIN).await, 403, "no client auth");
    ok(logout(&session).await);
    refused(running.get("/message", &session).await, 401, "");
    let wrong = As::Password("admin", "wrong");
    let login = running
        .request(Method::POST, "/auth/local/login", &wrong)
        .form(&[("name", "browser")]);
    refused(running.send(login).await, 401, "");
    running.server.shutdown().await;
}
