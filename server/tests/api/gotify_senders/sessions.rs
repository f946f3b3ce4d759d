//! Credentials and what belongs to a client: updates, expiry, elevation, cookies.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use super::{FORM, JSON, raw, secret, sender};
use crate::support::{
    ADMIN, As, PASSWORD, Running, id, ok, refused, start, start_with_clock, token,
};

fn basic(name: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{name}:{password}"))
    )
}

async fn client_of(running: &Running, id: i64) -> Value {
    let clients = ok(running.get("/client", &ADMIN).await);
    let clients = clients.as_array().unwrap();
    clients
        .iter()
        .find(|one| one["id"] == id)
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn an_update_keeps_what_it_does_not_name() {
    let running = start().await;
    let params = json!({"name": "c", "expiresAfterInactivitySeconds": 3600});
    let client = ok(running.post("/client", &ADMIN, params).await);
    let path = format!("/client/{}", id(&client));
    for body in [
        json!({"name": "d"}),
        json!({"name": "d", "expiresAfterInactivitySeconds": null}),
    ] {
        let updated = ok(running.put(&path, &ADMIN, body).await);
        assert_eq!(updated["name"], "d");
        assert_eq!(updated["expiresAfterInactivitySeconds"], 3600);
        assert!(updated["expiresAt"].is_string());
    }
    let params = json!({"name": "d", "expiresAfterInactivitySeconds": 0});
    let updated = ok(running.put(&path, &ADMIN, params).await);
    assert_eq!(updated["expiresAfterInactivitySeconds"], 0);

    let params = json!({"name": "a", "description": "d", "defaultPriority": 5, "sortKey": "b1"});
    let application = ok(running.post("/application", &ADMIN, params).await);
    let path = format!("/application/{}", id(&application));
    let updated = ok(running.put(&path, &ADMIN, json!({"name": "b"})).await);
    assert_eq!(updated["name"], "b");
    for kept in ["description", "defaultPriority", "sortKey", "image"] {
        assert_eq!(updated[kept], application[kept], "{kept}");
    }
    let params = json!({"name": "b", "description": "", "defaultPriority": 0});
    let updated = ok(running.put(&path, &ADMIN, params).await);
    assert_eq!(
        (&updated["description"], &updated["defaultPriority"]),
        (&json!(""), &json!(0))
    );
    refused(
        running
            .put(&path, &ADMIN, json!({"description": "x"}))
            .await,
        400,
        "'name'",
    );

    let user = json!({"name": "bob", "pass": "p", "admin": true});
    let bob = ok(running.post("/user", &ADMIN, user).await);
    let path = format!("/user/{}", id(&bob));
    let updated = ok(running.post(&path, &ADMIN, json!({"name": "rob"})).await);
    assert_eq!(
        (&updated["name"], &updated["admin"]),
        (&json!("rob"), &json!(true))
    );
    ok(running
        .get("/current/user", &As::Password("rob", "p"))
        .await);
    let updated = ok(running
        .post(&path, &ADMIN, json!({"name": "rob", "admin": false}))
        .await);
    assert_eq!(updated["admin"], false);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_password_beside_a_token() {
    let running = start().await;
    let bob = json!({"name": "bob", "pass": "bob's"});
    ok(running.post("/user", &ADMIN, bob).await);
    let bob = As::Password("bob", "bob's");
    let (_, bobs) = running.client(&bob).await;
    let (client, admins) = running.client(&ADMIN).await;
    let (bobs, admins) = (secret(&bobs), secret(&admins));
    let admin = basic("admin", PASSWORD);
    let wrong = basic("admin", "wrong");
    let name = async |headers: &[(&str, &str)]| {
        let answer = raw(&running, "GET", "/current/user", headers, b"").await;
        answer.is(200).json()["name"].as_str().unwrap().to_owned()
    };
    let cookie = format!("gotify-client-token={bobs}");
    for token in [("X-Gotify-Key", bobs), ("Cookie", cookie.as_str())] {
        assert_eq!(name(&[token, ("Authorization", &admin)]).await, "admin");
        // A wrong password does not spoil a good token.
        assert_eq!(name(&[token, ("Authorization", &wrong)]).await, "bob");
    }
    // The page elevates its session with a password beside its cookie.
    let cookie = format!("gotify-client-token={admins}");
    let headers = [("Cookie", cookie.as_str()), ("Authorization", &admin), JSON];
    let path = format!("/client/{client}/elevate");
    raw(
        &running,
        "POST",
        &path,
        &headers,
        br#"{"durationSeconds":60}"#,
    )
    .await
    .is(204);
    assert!(client_of(&running, client).await["elevatedUntil"].is_string());
    // A second login in one session.
    let headers = [("Cookie", cookie.as_str()), ("Authorization", &admin), FORM];
    let login = raw(
        &running,
        "POST",
        "/auth/local/login",
        &headers,
        b"name=again",
    )
    .await;
    let cookie_set = login.is(200).header("set-cookie").unwrap().to_owned();
    assert!(!cookie_set.contains(admins), "{cookie_set}");
    let headers = [("Cookie", cookie.as_str()), ("Authorization", &wrong), FORM];
    raw(
        &running,
        "POST",
        "/auth/local/login",
        &headers,
        b"name=again",
    )
    .await
    .is(401);
    running.server.shutdown().await;
}

#[tokio::test]
async fn for_sending_the_token_counts() {
    let running = start().await;
    let bob = json!({"name": "bob", "pass": "bob's"});
    ok(running.post("/user", &ADMIN, bob).await);
    let application = sender(&running).await;
    for password in [
        basic("bob", "bob's"),
        basic("admin", PASSWORD),
        basic("bob", "wrong"),
    ] {
        let headers = [
            ("Authorization", password.as_str()),
            ("X-Gotify-Key", &application),
            JSON,
        ];
        let sent = raw(
            &running,
            "POST",
            "/message",
            &headers,
            br#"{"message":"m"}"#,
        )
        .await;
        assert_eq!(sent.is(200).json()["title"], "Sender");
    }
    let password = basic("admin", PASSWORD);
    let headers = [
        ("Authorization", password.as_str()),
        ("X-Gotify-Key", "Awrong"),
        JSON,
    ];
    let body = br#"{"message":"m","appid":1}"#;
    raw(&running, "POST", "/message", &headers, body)
        .await
        .is(200);
    running.server.shutdown().await;
}

/// Safer than Gotify, which lets the session of an administrator do it.
#[tokio::test]
async fn creating_a_user_takes_an_elevated_session() {
    let running = start().await;
    let (client, who) = running.client(&ADMIN).await;
    let user = json!({"name": "bob", "pass": "p"});
    refused(
        running.post("/user", &who, user.clone()).await,
        403,
        "not elevated",
    );
    let elevate = format!("/client/{client}/elevate");
    ok(running
        .post(&elevate, &ADMIN, json!({"durationSeconds": 60}))
        .await);
    ok(running.post("/user", &who, user).await);
    running.server.shutdown().await;
}

#[tokio::test]
async fn an_expired_client_is_gone() {
    let (running, clock) = start_with_clock().await;
    let params = json!({"name": "short", "expiresAfterInactivitySeconds": 1});
    let created = ok(running.post("/client", &ADMIN, params).await);
    let (expired, path) = (id(&created), format!("/client/{}", id(&created)));
    assert_eq!(client_of(&running, expired).await["name"], "short");
    clock.advance(Duration::from_secs(1));
    assert_eq!(client_of(&running, expired).await, Value::Null);
    let revive = json!({"name": "r", "expiresAfterInactivitySeconds": 0});
    refused(
        running.put(&path, &ADMIN, revive).await,
        404,
        "doesn't exist",
    );
    let elevate = format!("{path}/elevate");
    let seconds = json!({"durationSeconds": 60});
    refused(
        running.post(&elevate, &ADMIN, seconds).await,
        404,
        "not found",
    );
    refused(running.get("/message", &token(&created)).await, 401, "");
    assert_eq!(client_of(&running, expired).await, Value::Null);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_sessions_cookie_is_renewed() {
    let running = start().await;
    let (_, client) = running.client(&ADMIN).await;
    let token = secret(&client).to_owned();
    let cookie = format!("gotify-client-token={token}");
    // It was not used yet, so it is due.
    let answer = raw(&running, "GET", "/message", &[("Cookie", &cookie)], b"")
        .await
        .is(200);
    let renewed = answer.header("set-cookie").unwrap();
    assert!(
        renewed.starts_with(&format!("{cookie}; Path=/; Max-Age=604800; HttpOnly")),
        "{renewed}"
    );
    let (_, other) = running.client(&ADMIN).await;
    let headers = [("X-Gotify-Key", secret(&other))];
    let answer = raw(&running, "GET", "/message", &headers, b"")
        .await
        .is(200);
    assert_eq!(answer.header("set-cookie"), None);
    // A logout removes the cookie and does not renew it.
    let (_, third) = running.client(&ADMIN).await;
    let cookie = format!("gotify-client-token={}", secret(&third));
    let answer = raw(
        &running,
        "POST",
        "/auth/logout",
        &[("Cookie", &cookie)],
        b"",
    )
    .await
    .is(200);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(answer.head.matches("set-cookie").count(), 1);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_foreign_origin_with_a_token_is_served() {
    let running = start().await;
    let application = sender(&running).await;
    let origin = ("Origin", "https://dash.example");
    let headers = [origin, ("X-Gotify-Key", application.as_str()), JSON];
    raw(
        &running,
        "POST",
        "/message",
        &headers,
        br#"{"message":"m"}"#,
    )
    .await
    .is(200);
    // Credentials that a browser sends by itself do not spoil a token.
    let password = basic("admin", PASSWORD);
    let (_, client) = running.client(&ADMIN).await;
    let headers = [
        origin,
        ("X-Gotify-Key", secret(&client)),
        ("Authorization", &password),
    ];
    raw(&running, "DELETE", "/message", &headers, b"")
        .await
        .is(200);
    let headers = [origin, ("Authorization", password.as_str())];
    raw(&running, "DELETE", "/message", &headers, b"")
        .await
        .is(403);
    let head = running.request(Method::HEAD, "/version", &As::Nobody);
    assert_eq!(head.send().await.unwrap().status(), 200);
    let answer = raw(&running, "PATCH", "/message", &[], b"").await.is(405);
    assert!(answer.header("allow").unwrap().contains("POST"));
    running.server.shutdown().await;
}
