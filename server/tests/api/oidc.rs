//! Logins at a real OpenID provider, npm's `oidc-provider`, on loopback. `cargo xtask
//! test` installs it and says where it is.

use std::{collections::HashMap, process::Stdio};

use mortise_server::{Config, Server};
use reqwest::{Method, Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::support::{ADMIN, As, Running, ok, refused};

/// A verifier, and its hash: the example of RFC 7636.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A provider, which ends with the handle.
struct Provider {
    issuer: String,
    _process: Child,
    /// Kept open: the provider would end if it could not write its notices.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Provider {
    async fn start(algorithm: &str) -> Self {
        let script = std::env::var_os("MORTISE_TEST_OIDC").expect(
            "MORTISE_TEST_OIDC is not set: run `cargo xtask test`, which installs the provider and \
             sets it",
        );
        let mut process = Command::new("node")
            .arg(script)
            .arg(algorithm)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        loop {
            let line = lines.next_line().await.unwrap();
            let line = line.expect("the provider ended before it was ready");
            if line.starts_with("http://") {
                break Self {
                    issuer: line,
                    _process: process,
                    _lines: lines,
                };
            }
        }
    }

    /// Sets what it does: `account=ann` or `falsify=nonce`.
    async fn set(&self, what: &str) {
        let url = format!("{}/control?{what}", self.issuer);
        assert_eq!(reqwest::get(url).await.unwrap().status(), 200);
    }
}

/// A server that sends users to a provider.
async fn server(issuer: &str, change: impl FnOnce(&mut Config)) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let mut config = crate::support::config(&directory);
    config.oidc.issuer = Some(issuer.to_owned());
    config.oidc.client_id = Some("mortise".to_owned());
    config.oidc.client_secret = Some("the secret: of + Mortise".to_owned());
    change(&mut config);
    Running {
        server: Server::start(config, mortise_backends::of_server)
            .await
            .unwrap(),
        http: reqwest::Client::builder()
            .redirect(Policy::none())
            .build()
            .unwrap(),
        directory,
    }
}

/// A browser: it keeps cookies.
#[derive(Default)]
struct Browser(HashMap<String, String>);

impl Browser {
    async fn get(&mut self, running: &Running, url: &str) -> Response {
        let cookies: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = running
            .http
            .get(url)
            .header(header::COOKIE, cookies.join("; "));
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = cookie.split_once('=').unwrap();
            if value.is_empty() {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Goes on at the provider until it sends the browser elsewhere, and returns
    /// that address.
    async fn log_in(&mut self, running: &Running, provider: &Provider, at: &str) -> String {
        let mut at = at.to_owned();
        let mut steps = 0;
        while at.starts_with(&provider.issuer) {
            steps += 1;
            assert!(steps < 20, "the provider sends the browser around: {at}");
            let answer = self.get(running, &at).await;
            let status = answer.status();
            let next = location(&answer);
            assert!(
                status.is_redirection(),
                "{at}: {status} {:?}",
                answer.text().await
            );
            at = if next.starts_with('/') {
                format!("{}{next}", provider.issuer)
            } else {
                next
            };
        }
        at
    }

    /// Begins at a path of the server, and returns the address to which the provider
    /// sends the browser back.
    async fn begin(&mut self, running: &Running, provider: &Provider, path: &str) -> String {
        let answer = self
            .get(running, &format!("{}{path}", running.server.url()))
            .await;
        assert_eq!(
            answer.status(),
            StatusCode::FOUND,
            "{:?}",
            answer.text().await
        );
        let at = location(&answer);
        self.log_in(running, provider, &at).await
    }

    /// The same, and back: the server's last answer.
    async fn session(&mut self, running: &Running, provider: &Provider) -> (StatusCode, Value) {
        let back = self
            .begin(running, provider, "/auth/oidc/login?name=laptop")
            .await;
        self.back(running, &back).await
    }

    async fn back(&mut self, running: &Running, at: &str) -> (StatusCode, Value) {
        let answer = self.get(running, at).await;
        let status = answer.status();
        if status == StatusCode::TEMPORARY_REDIRECT {
            assert_eq!(location(&answer), "../../");
        }
        let body = answer.text().await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// The user of the session.
    async fn user(&mut self, running: &Running) -> Value {
        let answer = self
            .get(running, &format!("{}/current/user", running.server.url()))
            .await;
        answer.json().await.unwrap()
    }
}

fn location(answer: &Response) -> String {
    let location = answer.headers().get(header::LOCATION);
    location.map_or_else(String::new, |at| at.to_str().unwrap().to_owned())
}

const SIGNED_IN: StatusCode = StatusCode::TEMPORARY_REDIRECT;

#[tokio::test]
async fn a_browser_logs_in_and_comes_back_as_the_same_user() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let provider = Provider::start(algorithm).await;
        let running = server(&provider.issuer, |_| {}).await;
        let info = ok(running.get("/gotifyinfo", &As::Nobody).await);
        assert_eq!(info["oidc"], true);
        let mut browser = Browser::default();
        assert_eq!(browser.session(&running, &provider).await.0, SIGNED_IN);
        assert!(
            !browser.0.contains_key("mortise-oidc-state"),
            "{:?}",
            browser.0
        );
        let ann = browser.user(&running).await;
        assert_eq!(
            (&ann["name"], &ann["admin"]),
            (&json!("ann"), &json!(false))
        );
        assert!(ann["elevatedUntil"].is_string(), "{ann}");
        let mut other = Browser::default();
        assert_eq!(other.session(&running, &provider).await.0, SIGNED_IN);
        assert_eq!(other.user(&running).await["id"], ann["id"]);
        // The user has no password, so none logs in.
        for password in ["", "a password"] {
            let answer = running
                .get("/current/user", &As::Password("ann", password))
                .await;
            assert_eq!(answer.0, StatusCode::UNAUTHORIZED);
        }
        running.server.shutdown().await;
    }
}

#[tokio::test]
async fn an_app_logs_in_with_its_own_verifier() {
    let provider = Provider::start("RS256").await;
    let running = server(&provider.issuer, |_| {}).await;
    let begin = async |challenge: &str, redirect: &str| {
        let body = json!({"code_challenge": challenge, "redirect_uri": redirect, "name": "phone"});
        running
            .post("/auth/oidc/external/authorize", &As::Nobody, body)
            .await
    };
    let end = async |state: &Value, code: &str, verifier: &str| {
        let body = json!({"state": state, "code": code, "code_verifier": verifier});
        running
            .post("/auth/oidc/external/token", &As::Nobody, body)
            .await
    };
    let code = async |begun: &Value| {
        let at = begun["authorize_url"].as_str().unwrap();
        let back = Browser::default().log_in(&running, &provider, at).await;
        let url: reqwest::Url = back.parse().unwrap();
        assert_eq!(url.scheme(), "gotify", "{back}");
        let pair = |wanted: &str| {
            let found = url.query_pairs().find(|(name, _)| name == wanted);
            found.unwrap().1.into_owned()
        };
        assert_eq!(begun["state"], pair("state"));
        pair("code")
    };
    const APP: &str = "gotify://oidc/callback";
    let begun = ok(begin(CHALLENGE, APP).await);
    let code_one = code(&begun).await;
    let answer = ok(end(&begun["state"], &code_one, VERIFIER).await);
    assert_eq!(answer["user"]["name"], "ann");
    let token = As::Token(answer["token"].as_str().unwrap().to_owned());
    assert_eq!(
        ok(running.get("/current/user", &token).await)["name"],
        "ann"
    );
    // A login comes back once.
    refused(
        end(&begun["state"], &code_one, VERIFIER).await,
        400,
        "unknown or expired state",
    );
    // Another app that caught the code.
    let begun = ok(begin(CHALLENGE, APP).await);
    let caught = code(&begun).await;
    refused(
        end(&begun["state"], &caught, "guessed").await,
        401,
        "verifier",
    );
    // A code that the provider does not know.
    let begun = ok(begin(CHALLENGE, APP).await);
    refused(
        end(&begun["state"], "made up", VERIFIER).await,
        401,
        "invalid_grant",
    );
    refused(begin("short", APP).await, 400, "code_challenge");
    refused(begin(CHALLENGE, "nowhere").await, 400, "redirect_uri");
    refused(
        begin(CHALLENGE, "javascript:alert(1)").await,
        400,
        "redirect_uri",
    );
    refused(end(&json!("unknown"), "a", VERIFIER).await, 400, "state");
    // An app's login is none of a browser.
    let begun = ok(begin(CHALLENGE, "http://127.0.0.1:1/auth/oidc/callback").await);
    let mut browser = Browser::default();
    let state = begun["state"].as_str().unwrap();
    browser
        .0
        .insert("mortise-oidc-state".to_owned(), state.to_owned());
    let at = format!(
        "{}/auth/oidc/callback?code=a&state={state}",
        running.server.url()
    );
    refused(browser.back(&running, &at).await, 400, "state");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_login_below_a_path_comes_back_below_it() {
    let provider = Provider::start("RS256").await;
    let running = server(&provider.issuer, |config| {
        config.path_prefix = "/push".parse().unwrap();
    })
    .await;
    // The proxy keeps the prefix in its requests, or takes it away.
    for path in ["/push/auth/oidc/login", "/auth/oidc/login"] {
        let begun = running
            .http
            .get(format!("{}{path}?name=laptop", running.server.url()));
        let begun = begun.send().await.unwrap();
        let cookie = begun.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("; Path=/push; "), "{cookie}");
        let mut browser = Browser::default();
        let back = browser
            .begin(&running, &provider, &format!("{path}?name=laptop"))
            .await;
        let callback = format!("{}/push/auth/oidc/callback?", running.server.url());
        assert!(back.starts_with(&callback), "{back}");
        let answer = browser.get(&running, &back).await;
        assert_eq!(answer.status(), SIGNED_IN);
        // To the page, which is below the path as well.
        assert_eq!(location(&answer), "../../");
        let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
        for cookie in cookies.map(|cookie| cookie.to_str().unwrap()) {
            assert!(cookie.contains("; Path=/push; "), "{cookie}");
        }
        assert_eq!(browser.user(&running).await["name"], "ann");
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn tokens_of_another_login_or_provider_are_rejected() {
    let provider = Provider::start("RS256").await;
    let running = server(&provider.issuer, |_| {}).await;
    for (falsify, says) in [
        ("nonce", "nonce"),
        ("iss", "another provider"),
        ("aud", "`aud`"),
        ("azp", "`azp`"),
        ("exp", "is over"),
        ("without+exp", "lacks a claim"),
        ("key", "signature is wrong"),
        ("kid", "does not publish"),
        ("none", "does not publish"),
        ("hmac", "does not publish"),
        ("sub", "another subject"),
    ] {
        provider.set(&format!("falsify={falsify}")).await;
        let mut browser = Browser::default();
        let answer = browser.session(&running, &provider).await;
        refused(answer, 401, says);
        assert!(!browser.0.contains_key("gotify-client-token"), "{falsify}");
    }
    provider.set("falsify=").await;
    assert_eq!(
        Browser::default().session(&running, &provider).await.0,
        SIGNED_IN
    );
    let users = ok(running.get("/user", &ADMIN).await);
    assert_eq!(users.as_array().unwrap().len(), 2);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_login_that_another_browser_began_is_rejected() {
    let provider = Provider::start("RS256").await;
    let running = server(&provider.issuer, |_| {}).await;
    let mut eve = Browser::default();
    let back = eve
        .begin(&running, &provider, "/auth/oidc/login?name=eve")
        .await;
    let mut victim = Browser::default();
    refused(
        victim.back(&running, &back).await,
        400,
        "unknown or expired state",
    );
    victim
        .0
        .insert("mortise-oidc-state".to_owned(), "another".to_owned());
    refused(
        victim.back(&running, &back).await,
        400,
        "unknown or expired state",
    );
    assert_eq!(eve.back(&running, &back).await.0, SIGNED_IN);
    eve.0
        .insert("mortise-oidc-state".to_owned(), "used".to_owned());
    refused(
        eve.back(&running, &back).await,
        400,
        "unknown or expired state",
    );
    // Another provider that answers in this one's place.
    let back = eve
        .begin(&running, &provider, "/auth/oidc/login?name=eve")
        .await;
    let mixed = back.replace("iss=http", "iss=http%3A%2F%2Fother.example%2F%3F");
    assert_ne!(mixed, back);
    refused(
        eve.back(&running, &mixed).await,
        403,
        "another OpenID provider",
    );
    provider.set("account=nobody").await;
    refused(
        eve.session(&running, &provider).await,
        403,
        "Nobody was there",
    );
    let without_name = running.get("/auth/oidc/login", &As::Nobody).await;
    refused(without_name, 400, "name");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_name_that_is_taken_is_linked_only_where_the_settings_say_so() {
    let provider = Provider::start("RS256").await;
    provider.set("account=admin").await;
    let running = server(&provider.issuer, |config| config.oidc.auto_register = false).await;
    let mut browser = Browser::default();
    refused(
        browser.session(&running, &provider).await,
        403,
        "`admin` is here already",
    );
    provider.set("account=ben").await;
    refused(
        Browser::default().session(&running, &provider).await,
        403,
        "registration",
    );
    running.server.shutdown().await;

    let running = server(&provider.issuer, |config| {
        config.oidc.link_by_username = true
    })
    .await;
    provider.set("account=admin").await;
    let mut browser = Browser::default();
    assert_eq!(browser.session(&running, &provider).await.0, SIGNED_IN);
    assert_eq!(browser.user(&running).await["admin"], true);
    // The password stays good.
    ok(running.get("/current/user", &ADMIN).await);
    // Another account with the same name.
    provider.set("account=admin.two").await;
    refused(
        Browser::default().session(&running, &provider).await,
        403,
        "another identity",
    );
    running.server.shutdown().await;

    let claim = |config: &mut Config| config.oidc.username_claim = "nickname".to_owned();
    let running = server(&provider.issuer, claim).await;
    provider.set("account=ann").await;
    refused(
        Browser::default().session(&running, &provider).await,
        403,
        "`nickname` is missing",
    );
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_session_is_elevated_by_its_own_user() {
    let provider = Provider::start("RS256").await;
    let running = server(&provider.issuer, |_| {}).await;
    let mut browser = Browser::default();
    assert_eq!(browser.session(&running, &provider).await.0, SIGNED_IN);
    let client = browser.user(&running).await["clientId"].clone();
    let path = format!("/auth/oidc/elevate?id={client}&durationSeconds=86400");
    let before = browser.user(&running).await["elevatedUntil"].clone();
    let back = browser.begin(&running, &provider, &path).await;
    assert_eq!(browser.back(&running, &back).await.0, StatusCode::OK);
    assert_ne!(browser.user(&running).await["elevatedUntil"], before);
    // Somebody else is at the provider now.
    provider.set("account=ben").await;
    let mut fresh = Browser::default();
    fresh.0.insert(
        "gotify-client-token".to_owned(),
        browser.0["gotify-client-token"].clone(),
    );
    let back = fresh.begin(&running, &provider, &path).await;
    refused(fresh.back(&running, &back).await, 403, "another user");
    let elevate = async |query: &str, who: &As| {
        let request = running.request(Method::GET, &format!("/auth/oidc/elevate?{query}"), who);
        running.send(request).await
    };
    refused(
        elevate("id=99&durationSeconds=60", &ADMIN).await,
        404,
        "client not found",
    );
    refused(
        elevate("id=1&durationSeconds=0", &ADMIN).await,
        400,
        "durationSeconds",
    );
    assert_eq!(elevate("id=1&durationSeconds=60", &As::Nobody).await.0, 401);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_provider_that_is_down_or_another_is_named() {
    let running = server("http://127.0.0.1:1", |_| {}).await;
    let answer = running.get("/auth/oidc/login?name=a", &As::Nobody).await;
    refused(answer, 502, "127.0.0.1:1");
    running.server.shutdown().await;
    let provider = Provider::start("RS256").await;
    let other = provider.issuer.replace("127.0.0.1", "localhost");
    let running = server(&other, |_| {}).await;
    let answer = running.get("/auth/oidc/login?name=a", &As::Nobody).await;
    refused(answer, 502, "calls itself");
    running.server.shutdown().await;
    let running = server("unused", |config| config.oidc.issuer = None).await;
    let info = ok(running.get("/gotifyinfo", &As::Nobody).await);
    assert_eq!(info["oidc"], false);
    let answer = running.get("/auth/oidc/login?name=a", &As::Nobody).await;
    refused(answer, 404, "--oidc-issuer");
    running.server.shutdown().await;
}
