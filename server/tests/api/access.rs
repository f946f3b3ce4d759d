//! Authorization of all routes. The requirement of each route comes from the
//! server's own description, so new routes are tested automatically.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ADMIN, As, PASSWORD, ok, refused, start, start_with_clock};

/// Returns a route's requirement, in the order of increasing rights.
fn requirement(operation: &Value) -> Option<&str> {
    operation["security"]
        .as_array()?
        .first()?
        .as_object()?
        .values()
        .next()?[0]
        .as_str()
}

#[tokio::test]
async fn every_route_refuses_who_may_not() {
    let running = start().await;
    ok(running
        .post(
            "/user",
            &ADMIN,
            json!({"name": "bob", "pass": "bob's password"}),
        )
        .await);
    let bob = As::Password("bob", "bob's password");
    let (_, application) = running.application("sender").await;
    let (_, client) = running.client(&ADMIN).await;
    let (_, bobs_client) = running.client(&bob).await;
    let wrong = [
        As::Nobody,
        As::Token(String::new()),
        As::Token("Cwrong.........".to_owned()),
        As::Token("' OR 1=1 --".to_owned()),
        As::Password("admin", "wrong"),
        As::Password("nobody", PASSWORD),
        As::Password("", ""),
    ];
    let description = ok(running.get("/openapi.json", &As::Nobody).await);
    let mut seen = std::collections::BTreeMap::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let asks = requirement(operation);
            *seen.entry(asks.unwrap_or("public").to_owned()).or_insert(0) += 1;
            // No object has this id, so an admitted caller changes nothing.
            let path = path
                .replace("{id}", "999999")
                .replace("{name}", "none")
                .replace("{token}", "none")
                .replace("{*path}", "none")
                .replace("{*rest}", "none");
            let status = async |who: &As| {
                let request = running.request(method.clone(), &path, who);
                request.send().await.unwrap().status()
            };
            let unauthorized = StatusCode::UNAUTHORIZED;
            let forbidden = StatusCode::FORBIDDEN;
            let Some(asks) = asks else {
                assert_ne!(status(&As::Nobody).await, unauthorized, "{method} {path}");
                continue;
            };
            for who in &wrong {
                assert_eq!(status(who).await, unauthorized, "{method} {path} {who:?}");
            }
            if asks != "sender" {
                let got = status(&application).await;
                assert_eq!(got, unauthorized, "{method} {path} by an application");
            }
            match asks {
                "sender" | "client" => {}
                "elevated" => {
                    assert_eq!(status(&client).await, forbidden, "{method} {path}");
                }
                "admin" => {
                    assert_eq!(status(&client).await, forbidden, "{method} {path}");
                    assert_eq!(status(&bobs_client).await, forbidden, "{method} {path}");
                    assert_eq!(status(&bob).await, forbidden, "{method} {path}");
                }
                // Any client of an administrator's.
                "metrics" => {
                    assert_eq!(status(&client).await, StatusCode::OK, "{method} {path}");
                    assert_eq!(status(&bobs_client).await, forbidden, "{method} {path}");
                    assert_eq!(status(&bob).await, forbidden, "{method} {path}");
                }
                other => panic!("{method} {path} asks for {other}"),
            }
        }
    }
    // The loop above was not empty.
    assert!(seen["public"] >= 4, "{seen:?}");
    // Sending a message, and changing it.
    assert_eq!(seen["sender"], 2);
    assert!(seen["client"] >= 15, "{seen:?}");
    assert!(seen["elevated"] >= 4, "{seen:?}");
    assert!(seen["admin"] >= 5, "{seen:?}");
    running.server.shutdown().await;
}

#[tokio::test]
async fn credentials_may_stand_in_each_place() {
    let running = start().await;
    let (_, As::Token(token)) = running.client(&ADMIN).await else {
        panic!("no token");
    };
    let url = format!("{}/current/user", running.server.url());
    let http = &running.http;
    for request in [
        http.get(format!("{url}?token={token}")),
        http.get(&url).header("X-Gotify-Key", &token),
        http.get(&url).bearer_auth(&token),
        http.get(&url)
            .header("Cookie", format!("gotify-client-token={token}")),
        http.get(&url).basic_auth("admin", Some(PASSWORD)),
        // As Gotify: a token that is no token does not spoil a good password.
        http.get(format!("{url}?token=wrong"))
            .basic_auth("admin", Some(PASSWORD)),
    ] {
        let user = ok(running.send(request).await);
        assert_eq!(user["name"], "admin");
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn another_site_cannot_use_a_session() {
    let running = start().await;
    let (_, As::Token(token)) = running.client(&ADMIN).await else {
        panic!("no token");
    };
    let request = |method| {
        running
            .request(method, "/message", &As::Nobody)
            .header("Cookie", format!("gotify-client-token={token}"))
    };
    let foreign = request(Method::DELETE).header("Origin", "https://evil.example");
    refused(running.send(foreign).await, 403, "cross-origin");
    ok(running.send(request(Method::DELETE)).await);
    running.server.shutdown().await;
}

#[tokio::test]
async fn users_do_not_reach_each_other() {
    let running = start().await;
    ok(running
        .post("/user", &ADMIN, json!({"name": "bob", "pass": "pass"}))
        .await);
    let bob = As::Password("bob", "pass");
    let (application, sender) = running.application("admin's").await;
    let (client, _) = running.client(&ADMIN).await;
    let message = ok(running
        .post("/message", &sender, json!({"message": "for admin"}))
        .await);
    let message = &message["id"];
    for (method, path) in [
        (Method::GET, format!("/application/{application}/message")),
        (
            Method::DELETE,
            format!("/application/{application}/message"),
        ),
        (Method::DELETE, format!("/application/{application}")),
        (Method::DELETE, format!("/application/{application}/image")),
        (Method::DELETE, format!("/message/{message}")),
        (Method::GET, format!("/message/{message}/trace")),
        (Method::DELETE, format!("/client/{client}")),
    ] {
        let answer = running.send(running.request(method, &path, &bob)).await;
        refused(answer, 404, "exist");
    }
    let rename = json!({"name": "bob's"});
    let path = format!("/application/{application}");
    refused(running.put(&path, &bob, rename.clone()).await, 404, "exist");
    let path = format!("/client/{client}");
    refused(running.put(&path, &bob, rename).await, 404, "exist");
    let borrowed = json!({"message": "hello", "appid": application});
    refused(
        running.post("/message", &bob, borrowed).await,
        400,
        "appid not found",
    );
    for path in ["/message", "/application"] {
        let body = ok(running.get(path, &bob).await).to_string();
        assert!(!body.contains("admin"), "{body}");
    }
    ok(running.delete("/message", &bob).await);
    let list = ok(running.get("/message", &ADMIN).await);
    assert_eq!(list["paging"]["size"], 1);
    running.server.shutdown().await;
}

#[tokio::test]
async fn an_elevated_session_ends() {
    let (running, clock) = start_with_clock().await;
    let (client, token) = running.client(&ADMIN).await;
    let (application, _) = running.application("to go").await;
    let delete = format!("/application/{application}");
    refused(running.delete(&delete, &token).await, 403, "not elevated");
    let elevate = format!("/client/{client}/elevate");
    let seconds = json!({"durationSeconds": 60});
    // It cannot elevate itself.
    refused(
        running.post(&elevate, &token, seconds.clone()).await,
        403,
        "not elevated",
    );
    refused(
        running
            .post(&elevate, &ADMIN, json!({"durationSeconds": 100_000}))
            .await,
        400,
        "durationSeconds",
    );
    ok(running.post(&elevate, &ADMIN, seconds).await);
    clock.advance(Duration::from_secs(50));
    ok(running.delete(&delete, &token).await);
    let shown = ok(running.get("/current/user", &token).await);
    assert!(shown["elevatedUntil"].is_string(), "{shown}");
    let (application, _) = running.application("to stay").await;
    clock.advance(Duration::from_secs(11));
    let delete = format!("/application/{application}");
    refused(running.delete(&delete, &token).await, 403, "not elevated");
    // An elevation that is over is not shown.
    let shown = ok(running.get("/current/user", &token).await);
    assert!(shown.get("elevatedUntil").is_none(), "{shown}");
    let listed = ok(running.get("/client", &token).await);
    assert!(listed[0].get("elevatedUntil").is_none(), "{listed}");
    // To log out takes no elevation.
    ok(running.delete(&format!("/client/{client}"), &token).await);
    refused(running.get("/message", &token).await, 401, "access token");
    running.server.shutdown().await;
}
