//! Settings of an operator, and pages beside the API.

use mortise_server::{Config, Server, config::TokenForm};
use serde_json::json;

use super::{raw, secret, sender};
use crate::support::{ADMIN, As, Running, config, id, ok, refused, start};

async fn with(change: impl FnOnce(&mut Config)) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = config(&directory);
    change(&mut settings);
    Running {
        server: Server::start(settings, mortise_backends::of_server)
            .await
            .unwrap(),
        http: reqwest::Client::new(),
        directory,
    }
}

#[tokio::test]
async fn anybody_registers_where_the_settings_say_so() {
    let running = with(|settings| settings.registration = true).await;
    assert_eq!(
        ok(running.get("/gotifyinfo", &As::Nobody).await)["register"],
        true
    );
    let bob = json!({"name": "bob", "pass": "p"});
    assert_eq!(
        ok(running.post("/user", &As::Nobody, bob).await)["admin"],
        false
    );
    let eve = json!({"name": "eve", "pass": "p", "admin": true});
    refused(
        running.post("/user", &As::Nobody, eve.clone()).await,
        401,
        "admin user",
    );
    let as_bob = As::Password("bob", "p");
    refused(
        running.post("/user", &as_bob, eve.clone()).await,
        401,
        "admin user",
    );
    ok(running.post("/user", &ADMIN, eve).await);
    // Registration opens nothing else.
    refused(running.get("/user", &As::Nobody).await, 401, "");
    refused(running.get("/user", &as_bob).await, 403, "");
    running.server.shutdown().await;
    let closed = start().await;
    let bob = json!({"name": "bob", "pass": "p"});
    refused(closed.post("/user", &As::Nobody, bob).await, 401, "");
    closed.server.shutdown().await;
}

#[tokio::test]
async fn tokens_of_both_forms_are_accepted() {
    let running = with(|settings| settings.token_form = TokenForm::Prefixed).await;
    let (application, sender) = running.application("a").await;
    let (_, client) = running.client(&ADMIN).await;
    assert!(secret(&sender).starts_with("gtfya."));
    assert!(secret(&client).starts_with("gtfyc."));
    ok(running
        .post("/message", &sender, json!({"message": "m"}))
        .await);
    ok(running.get("/message", &client).await);
    let secure = format!("/application/{application}/security");
    let renewed = ok(running
        .put(&secure, &ADMIN, json!({"regenerateToken": true}))
        .await);
    let token = renewed["regenerateToken"]["token"].as_str().unwrap();
    assert!(token.starts_with("gtfya."), "{token}");
    let Running {
        server,
        http,
        directory,
    } = running;
    server.shutdown().await;
    let server = Server::start(config(&directory), mortise_backends::of_server)
        .await
        .unwrap();
    let running = Running {
        server,
        http,
        directory,
    };
    ok(running.get("/message", &client).await);
    let (_, short) = running.client(&ADMIN).await;
    assert_eq!(secret(&short).len(), 15);
    ok(running.get("/message", &short).await);
    running.server.shutdown().await;
}

#[tokio::test]
async fn pages_of_other_origins_may_be_allowed() {
    let running = with(|settings| {
        settings.cors.origins = vec!["https://*.dash.example".parse().unwrap()];
    })
    .await;
    let token = sender(&running).await;
    let origin = ("Origin", "https://a.dash.example");
    let preflight = [
        origin,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-gotify-key"),
    ];
    let answer = raw(&running, "OPTIONS", "/message", &preflight, b"")
        .await
        .is(204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin.1));
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );
    assert!(
        answer
            .header("access-control-allow-headers")
            .unwrap()
            .contains("x-gotify-key")
    );
    assert_eq!(answer.header("vary"), Some("origin"));
    let target = format!("/message?token={token}&message=m");
    for (target, status) in [(target.as_str(), 200), ("/message?token=Ax", 401)] {
        let answer = raw(&running, "POST", target, &[origin], b"")
            .await
            .is(status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin.1));
    }
    let other = ("Origin", "https://evil.example");
    let preflight = [other, ("Access-Control-Request-Method", "POST")];
    let answer = raw(&running, "OPTIONS", "/message", &preflight, b"")
        .await
        .is(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let answer = raw(&running, "POST", &target, &[other], b"").await.is(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    // A page that is allowed may log in with a password, never with a cookie.
    let password = (
        "Authorization",
        "Basic YWRtaW46YSBwYXNzd29yZCBvZiB0aGUgdGVzdHM=",
    );
    raw(&running, "DELETE", "/message", &[origin, password], b"")
        .await
        .is(200);
    raw(&running, "DELETE", "/message", &[other, password], b"")
        .await
        .is(403);
    let (_, client) = running.client(&ADMIN).await;
    let cookie = format!("gotify-client-token={}", secret(&client));
    let headers = [origin, ("Cookie", cookie.as_str())];
    raw(&running, "DELETE", "/message", &headers, b"")
        .await
        .is(403);
    running.server.shutdown().await;
}

#[tokio::test]
async fn options_have_the_headers_of_the_settings() {
    let header = "X-Frame-Options: DENY";
    let running = with(|settings| {
        settings.cors.origins = vec!["regex:https://(a|b)\\.example".parse().unwrap()];
        settings.response_headers = vec![header.parse().unwrap()];
    })
    .await;
    let origin = |origin| ("Origin", origin);
    let asked = ("Access-Control-Request-Method", "POST");
    for (headers, status, allowed) in [
        (&[][..], 200, None),
        (
            &[origin("https://b.example"), asked],
            204,
            Some("https://b.example"),
        ),
        (&[origin("https://c.example"), asked], 200, None),
    ] {
        let answer = raw(&running, "OPTIONS", "/message", headers, b"").await;
        let answer = answer.is(status);
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.body, b"");
    }
    let answer = raw(&running, "OPTIONS", "/message", &[], b"").await;
    assert!(answer.header("allow").unwrap().contains("POST"));
    raw(&running, "OPTIONS", "/none", &[], b"").await.is(404);
    raw(&running, "PATCH", "/message", &[], b"").await.is(405);
    running.server.shutdown().await;
}

#[tokio::test]
async fn the_api_is_described() {
    let running = start().await;
    let page = raw(&running, "GET", "/docs", &[], b"").await.is(200);
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    let html = String::from_utf8(page.body).unwrap();
    assert!(html.contains("<code>/message</code>") && !html.contains("<script"));
    let openapi = raw(&running, "GET", "/openapi.json", &[], b"")
        .await
        .is(200)
        .json();
    let swagger = raw(&running, "GET", "/swagger", &[], b"")
        .await
        .is(200)
        .json();
    assert_eq!(openapi, swagger);
    assert!(openapi["paths"]["/message"]["post"].is_object());
    running.server.shutdown().await;
}

#[tokio::test]
async fn an_image_is_served_in_part_or_not_at_all() {
    let running = start().await;
    let (application, _) = running.application("a").await;
    let image = b"GIF89a 0123456789".to_vec();
    let part = reqwest::multipart::Part::bytes(image.clone()).file_name("a.gif");
    let upload = running
        .request(
            reqwest::Method::POST,
            &format!("/application/{application}/image"),
            &ADMIN,
        )
        .multipart(reqwest::multipart::Form::new().part("file", part));
    let uploaded = ok(running.send(upload).await);
    assert_eq!(id(&uploaded), application);
    let path = format!("/{}", uploaded["image"].as_str().unwrap());
    let get = async |headers: &[(&str, &str)]| raw(&running, "GET", &path, headers, b"").await;
    let whole = get(&[]).await.is(200);
    assert_eq!(whole.body, image);
    let tag = whole.header("etag").unwrap();
    let date = whole.header("last-modified").unwrap();
    for known in [
        ("If-None-Match", tag),
        ("If-None-Match", "*"),
        ("If-Modified-Since", date),
    ] {
        let answer = get(&[known]).await.is(304);
        assert_eq!(answer.body, b"");
        assert_eq!(answer.header("etag"), Some(tag));
    }
    let old = "Thu, 01 Jan 1998 00:00:00 GMT";
    for unknown in [("If-None-Match", "\"other\""), ("If-Modified-Since", old)] {
        assert_eq!(get(&[unknown]).await.is(200).body, image);
    }
    for (range, expected, content_range) in [
        ("bytes=0-5", &b"GIF89a"[..], "bytes 0-5/17"),
        ("bytes=-3", b"789", "bytes 14-16/17"),
        ("bytes=15-", b"89", "bytes 15-16/17"),
    ] {
        let answer = get(&[("Range", range)]).await.is(206);
        assert_eq!(answer.body, expected, "{range}");
        assert_eq!(answer.header("content-range"), Some(content_range));
    }
    let answer = get(&[("Range", "bytes=99-")]).await.is(416);
    assert_eq!(answer.header("content-range"), Some("bytes */17"));
    let stale = [("Range", "bytes=0-5"), ("If-Range", "\"other\"")];
    assert_eq!(get(&stale).await.is(200).body, image);
    let default = raw(&running, "GET", "/static/defaultapp.png", &[], b"")
        .await
        .is(200);
    let tag = default.header("etag").unwrap();
    let known = [("If-None-Match", tag)];
    raw(&running, "GET", "/static/defaultapp.png", &known, b"")
        .await
        .is(304);
    running.server.shutdown().await;
}

#[tokio::test]
async fn the_version_is_one_that_clients_accept() {
    let running = start().await;
    for path in ["/version", "/gotifyinfo"] {
        let version = ok(running.get(path, &As::Nobody).await);
        assert_eq!(version["version"], "3.0.0", "{path}");
        assert_eq!(
            version["mortiseVersion"],
            env!("CARGO_PKG_VERSION"),
            "{path}"
        );
    }
    running.server.shutdown().await;
}
