//! Requests to plugins with a gin engine, and their responses.

use mortise_tests::server::{Data, Server, body};
use reqwest::{Method, StatusCode, header};
use serde_json::json;

use super::{Plugin, grant, install, place, refusal, until};

const ID: &str = "github.com/example/gotify-webhook";

async fn served(data: &Data) -> Server {
    install(data, "webhook", ID);
    data.serve().await
}

#[tokio::test]
async fn requests_become_messages_of_an_application_of_its_own() {
    let data = Data::new();
    let server = served(&data).await;
    let hook = Plugin::of_admin(&server, ID).await;
    hook.enable().await;

    let answer = hook
        .hook(Method::POST, "message/ops")
        .json(&json!({"title": "disk", "text": "91 %"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()["x-served-for"], "admin");
    let form = [("text", "from a form"), ("title", "")];
    let answer = hook.hook(Method::POST, "form").form(&form).send().await;
    assert_eq!(answer.unwrap().status(), 204);

    // Stored before the webhook was answered, newest first.
    let messages = hook.messages().await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["message"], "from a form");
    assert_eq!(messages[1]["title"], "ops: disk");
    assert_eq!(messages[1]["message"], "91 %");
    assert_eq!(messages[1]["priority"], 7);
    assert_eq!(
        messages[1]["extras"],
        json!({"client::display": {"contentType": "text/markdown"}})
    );

    let answer = server.admin(Method::GET, "/application").send().await;
    let all = body(answer.unwrap()).await;
    let [application] = all.as_array().unwrap().as_slice() else {
        panic!("{all}")
    };
    assert_eq!(application["name"], "Webhook");
    assert_eq!(
        application["description"],
        format!("auto generated application for {ID}")
    );
    assert_eq!(application["internal"], true);
    assert_eq!(messages[0]["appid"], application["id"]);
    let path = format!("/application/{}", application["id"]);
    let removed = server.admin(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(
        refusal(removed).await,
        (400, "cannot delete internal application".to_owned())
    );
    server.stop().await;
}

#[tokio::test]
async fn gin_reads_requests_and_writes_answers() {
    let data = Data::new();
    let server = served(&data).await;
    let hook = Plugin::of_admin(&server, ID).await;
    hook.enable().await;

    let missing = hook.hook(Method::POST, "message/ops").json(&json!({}));
    let missing = missing.send().await.unwrap();
    assert_eq!(missing.status(), 400);
    assert!(missing.text().await.unwrap().contains("required"));

    let bound = hook.hook(Method::PUT, "bind").json(&json!({"text": "it"}));
    assert_eq!(bound.send().await.unwrap().text().await.unwrap(), "it");

    let bytes = [0_u8, 159, 255, 10];
    let raw = hook.hook(Method::PATCH, "raw").body(bytes.to_vec());
    let raw = raw.send().await.unwrap();
    assert_eq!(
        raw.headers()[header::CONTENT_TYPE],
        "application/octet-stream"
    );
    assert_eq!(raw.bytes().await.unwrap(), &bytes[..]);

    let accepted = hook.get("accept").await;
    assert_eq!(accepted.text().await.unwrap(), "text/plain");
    let size = hook.hook(Method::HEAD, "size").send().await.unwrap();
    assert_eq!(size.headers()[header::CONTENT_LENGTH], "5");
    let nothing = hook.get("no/such/route").await;
    assert_eq!(refusal(nothing).await, (404, "page not found".to_owned()));
    let upgrade = hook.get("upgrade").await;
    // gin takes an answer for written from the first attempt to take over its
    // connection, so that the handler can no longer set a status.
    assert_eq!(upgrade.status(), 200);
    assert!(upgrade.text().await.unwrap().contains("WebSocket"));
    server.stop().await;
}

#[tokio::test]
async fn a_plugin_sends_by_the_api_of_its_own_server() {
    let data = Data::new();
    let server = served(&data).await;
    let hook = Plugin::of_admin(&server, ID).await;
    hook.enable().await;
    let created = server
        .admin(Method::POST, "/application")
        .json(&json!({"name": "by REST"}))
        .send();
    let created = body(created.await.unwrap()).await;
    let token = created["token"].as_str().unwrap();
    let answer = hook.hook(Method::POST, &format!("rest/{token}")).send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 204, "{}", answer.text().await.unwrap());
    let path = format!("/application/{}/message", created["id"]);
    let page = body(server.admin(Method::GET, &path).send().await.unwrap()).await;
    let mut sent: Vec<_> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| json!([message["title"], message["message"], message["priority"]]))
        .collect();
    sent.sort_by_key(ToString::to_string);
    assert_eq!(
        sent,
        [
            json!(["by REST", "as JSON", 2]),
            json!(["by REST", "as query", 3])
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn only_the_token_counts_and_only_while_it_is_enabled() {
    let data = Data::new();
    let server = served(&data).await;
    let hook = Plugin::of_admin(&server, ID).await;

    let disabled = hook.get("accept").await;
    assert_eq!(disabled.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        disabled.json::<serde_json::Value>().await.unwrap(),
        json!({
            "error": "Bad Request",
            "errorCode": 400,
            "errorDescription": "plugin is disabled",
        })
    );
    hook.enable().await;
    let path = |id: &str, token: &str| format!("/plugin/{id}/custom/{token}/accept");
    for (path, status) in [
        (path(&hook.id.to_string(), &hook.token), 200),
        (path("4711", &hook.token), 200),
        (path(&hook.id.to_string(), "Pnobody"), 404),
    ] {
        let answer = server.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    // It answers for itself: nothing is added that would make it a page of
    // the API.
    let answer = hook
        .hook(Method::GET, "accept")
        .header(header::ORIGIN, "https://elsewhere.example.org")
        .send()
        .await
        .unwrap();
    let headers = answer.headers();
    assert!(
        headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    // Its own page, which a browser runs without an origin, may call it.
    let asked = hook
        .hook(Method::OPTIONS, "accept")
        .header(header::ORIGIN, "null")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT")
        .send();
    assert_eq!(
        asked.await.unwrap().headers()[header::ACCESS_CONTROL_ALLOW_METHODS],
        "PUT"
    );
    let answer = hook
        .hook(Method::GET, "accept")
        .header(header::ORIGIN, "null");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    server.stop().await;
}

#[tokio::test]
async fn plugins_see_the_clients_true_address_scheme_and_host() {
    let data = Data::new();
    install(&data, "webhook", ID);
    let mut command = data.command();
    command.env("MORTISE_TRUSTED_PROXIES", "127.0.0.1");
    let server = data.serve_with(command).await;
    let hook = Plugin::of_admin(&server, ID).await;
    hook.enable().await;
    let base = hook.base();
    let where_is = async |behind: bool| {
        let mut request = hook.hook(Method::GET, "where/to/go?q=1&q=two%20");
        if behind {
            request = request
                .header("X-Forwarded-For", "192.0.2.7")
                .header("X-Forwarded-Proto", "https")
                .header("X-Forwarded-Host", "push.example.org");
        }
        body(request.send().await.unwrap()).await
    };
    let direct = where_is(false).await;
    let host = server.url().strip_prefix("http://").unwrap();
    assert_eq!(
        direct,
        json!({
            "client": "127.0.0.1", "remote": "127.0.0.1:0", "host": host, "proto": "http",
            "tls": false, "rest": "/to/go", "id": hook.id.to_string(),
            "uri": format!("{base}where/to/go?q=1&q=two%20"),
            "full": format!("/plugin/:id/custom/{}/where/*rest", hook.token),
            "query": ["1", "two "], "location": server.url(),
        })
    );
    let proxied = where_is(true).await;
    assert_eq!(proxied["client"], "192.0.2.7");
    assert_eq!(proxied["remote"], "192.0.2.7:0");
    assert_eq!(proxied["host"], "push.example.org");
    assert_eq!(proxied["tls"], true);
    assert_eq!(proxied["location"], "https://push.example.org");
    server.stop().await;
}

#[tokio::test]
async fn cookies_pass_by_grant_and_redirects_always() {
    let data = Data::new();
    let server = served(&data).await;
    let hook = Plugin::of_admin(&server, ID).await;
    hook.enable().await;
    let login = hook.get("session/login?tab=a%26b").await;
    // The client followed it, and was not let in: it keeps no cookies.
    assert_eq!(login.url().path(), format!("{}session/home", hook.base()));
    assert_eq!(login.url().query(), Some("tab=a%26b"));
    assert_eq!(refusal(login).await, (401, "log in first".to_owned()));
    let home = async |hook: &Plugin<'_>| {
        hook.hook(Method::GET, "session/home")
            .header(header::COOKIE, "other=1; session=s3cret")
            .send()
            .await
            .unwrap()
    };
    assert_eq!(home(&hook).await.status(), 401);
    server.stop().await;

    grant(&data, ID, &["--cookie", "session"]);
    let server = data.serve().await;
    let hook = Plugin::of_admin(&server, ID).await;
    let home = home(&hook).await;
    assert_eq!(home.status(), 200);
    assert_eq!(home.text().await.unwrap(), "<p>s3cret</p>");
    server.stop().await;
}

#[tokio::test]
async fn a_streamed_answer_arrives_as_it_is_written() {
    let data = Data::new();
    let server = served(&data).await;
    let hook = Plugin::of_admin(&server, ID).await;
    hook.enable().await;

    let mut follow = hook.get("follow").await;
    assert_eq!(follow.status(), 200);
    assert!(
        follow.headers()[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert_eq!(follow.chunk().await.unwrap().unwrap(), "ready\n");
    // The plugin continues to write only after another request.
    for text in ["one", "two", "end"] {
        assert_eq!(hook.post(&format!("next/{text}")).await.status(), 204);
        let chunk = follow.chunk().await.unwrap().unwrap();
        assert_eq!(chunk, format!("{text}\n"));
    }
    assert_eq!(follow.chunk().await.unwrap(), None);

    // Far more than may be under way at a time, unharmed.
    let flood = hook.get("flood").await;
    assert_eq!(flood.bytes().await.unwrap().len(), 1_000_000);
    let stream = hook.get("stream").await;
    assert_eq!(stream.text().await.unwrap(), "part 0\npart 1\npart 2\n");
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_stream() {
    let data = Data::new();
    let server = served(&data).await;
    let hook = Plugin::of_admin(&server, ID).await;
    hook.enable().await;
    let mut follow = hook.get("follow").await;
    assert_eq!(follow.chunk().await.unwrap().unwrap(), "ready\n");
    drop(follow);
    until("the plugin's notice", async || {
        hook.texts().await == ["Webhook|the reader went away"]
    })
    .await;
    // No reader waits for the next part.
    assert_eq!(hook.get("accept").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_panic_is_a_crash_of_that_plugin_alone() {
    let data = Data::new();
    install(&data, "webhook", ID);
    install(&data, "counter", "example.org/counter");
    let server = data.serve().await;
    let hook = Plugin::of_admin(&server, ID).await;
    let other = Plugin::of_admin(&server, "example.org/counter").await;
    hook.enable().await;
    other.enable().await;

    let broken = hook.get("panic").await;
    assert_eq!(broken.status(), StatusCode::BAD_GATEWAY);
    let log = hook.log().await;
    assert!(
        log.contains("the handler broke") && log.contains("main.go"),
        "{log}"
    );
    assert_eq!(hook.get("accept").await.status(), 200);

    // In a goroutine of its own it ends the process.
    let broken = hook.get("goroutine").await;
    assert_eq!(broken.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(other.post("count").await.status(), 200);
    let log = hook.log().await;
    assert!(log.contains("the goroutine broke"), "{log}");
    until("its process", async || {
        hook.get("accept").await.status() == 200
    })
    .await;
    assert!(hook.is_enabled().await);

    // Again and again, and the doctor tells: while it is paused, or at the
    // latest when it is given up.
    let path = format!("/admin/plugins/{}/doctor", ID.replace('/', "%2F"));
    until("a crash loop", async || {
        hook.get("goroutine").await;
        let diagnosis = server.admin(Method::GET, &path).send().await.unwrap();
        let findings = body(diagnosis).await["findings"].to_string();
        findings.contains("crash_loop")
    })
    .await;
    server.assert_healthy().await;
    server.stop().await;
}

#[tokio::test]
async fn a_plugin_is_shown_as_its_author_wrote_it() {
    let data = Data::new();
    for (name, id) in [("webhook", ID), ("counter", "example.org/counter")] {
        install(&data, name, id);
    }
    let server = data.serve().await;
    let shown = async |server: &Server| {
        let answer = server.admin(Method::GET, "/plugin").send().await.unwrap();
        let mut all: Vec<_> = body(answer).await.as_array().unwrap().clone();
        all.sort_by_key(|plugin| plugin["pluginId"].to_string());
        all.iter()
            .map(|one| json!([one["modulePath"], one["capabilities"], one["exports"]]))
            .collect::<Vec<_>>()
    };
    let expected = [
        json!([
            "example.org/counter",
            ["webhooker", "messenger", "storager"],
            ["lifecycle", "webhook"]
        ]),
        json!([
            "github.com/Example/Gotify-Webhook",
            ["displayer", "webhooker", "messenger"],
            ["lifecycle", "displayer", "webhook"]
        ]),
    ];
    assert_eq!(shown(&server).await, expected);
    server.stop().await;
    // Known facts, without a process that could be asked.
    let server = data.serve().await;
    assert_eq!(shown(&server).await, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_module_path_that_is_there_twice_is_told() {
    let data = Data::new();
    install(&data, "webhook", ID);
    // The same id again, under another name.
    place(&data, "webhook", "webhook-copy");
    let server = data.serve().await;
    let answer = server.admin(Method::GET, "/plugin/problems").send().await;
    let problems = body(answer.unwrap()).await.to_string();
    assert!(
        problems.contains("webhook-copy") && problems.contains(ID),
        "{problems}"
    );
    let hook = Plugin::of_admin(&server, ID).await;
    hook.enable().await;
    assert_eq!(hook.get("accept").await.status(), 200);
    server.stop().await;
}
