//! Sending and listing messages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, As, id, ok, refused, start, start_with_clock};

#[tokio::test]
async fn a_message_comes_back_as_it_was_sent() {
    let running = start().await;
    let (application, sender) = running.application("Backup").await;
    let extras = json!({"client::display": {"contentType": "text/markdown"}, "b": [1, 2.5, null]});
    let sent = ok(running
        .post(
            "/message",
            &sender,
            json!({"title": "Done", "message": "**fine**", "priority": 7, "extras": extras}),
        )
        .await);
    assert_eq!(sent["appid"], application);
    assert_eq!(sent["title"], "Done");
    assert_eq!(sent["message"], "**fine**");
    assert_eq!(sent["priority"], 7);
    assert_eq!(sent["extras"], extras);
    assert!(sent["date"].as_str().unwrap().ends_with('Z'));
    let list = ok(running.get("/message", &ADMIN).await);
    assert_eq!(list["messages"], json!([sent]));
    assert_eq!(list["paging"], json!({"size": 1, "since": 0, "limit": 100}));
    let trace = ok(running
        .get(&format!("/message/{}/trace", id(&sent)), &ADMIN)
        .await);
    assert_eq!(trace, json!([]));
    running.server.shutdown().await;
}

#[tokio::test]
async fn what_is_left_out_comes_from_the_application() {
    let running = start().await;
    let created = ok(running
        .post(
            "/application",
            &ADMIN,
            json!({"name": "Door", "defaultPriority": 4}),
        )
        .await);
    let sender = crate::support::token(&created);
    for title in [json!(null), json!(""), json!("  ")] {
        let body = match title {
            Value::Null => json!({"message": "rang"}),
            title => json!({"message": "rang", "title": title}),
        };
        let sent = ok(running.post("/message", &sender, body).await);
        assert_eq!(sent["title"], "Door");
        assert_eq!(sent["priority"], 4);
        assert!(sent.get("extras").is_none(), "{sent}");
    }
    let silent = json!({"message": "rang", "priority": 0});
    let sent = ok(running.post("/message", &sender, silent).await);
    assert_eq!(sent["priority"], 0);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_message_is_changed_by_its_application_or_its_user() {
    let running = start().await;
    let (_, sender) = running.application("Backup").await;
    let (_, other) = running.application("Door").await;
    let (_, client) = running.client(&ADMIN).await;
    let new = json!({
        "title": "Backup", "message": "10 %", "priority": 2, "extras": {"a": {"b": 1}}
    });
    let sent = ok(running.post("/message", &sender, new).await);
    let path = format!("/message/{}", id(&sent));
    let changed = ok(running
        .put(&path, &sender, json!({"message": "50 %"}))
        .await);
    // All else stays.
    let mut expected = sent.clone();
    expected["message"] = json!("50 %");
    assert_eq!(changed, expected);
    let all = json!({"title": "Done", "message": "100 %", "priority": 12, "extras": {}});
    let changed = ok(running.put(&path, &client, all).await);
    assert_eq!(
        [&changed["title"], &changed["message"], &changed["priority"]],
        [&json!("Done"), &json!("100 %"), &json!(12)]
    );
    // Also a priority that filters do not know.
    let title = json!({"title": "", "priority": null});
    let changed = ok(running.put(&path, &ADMIN, title).await);
    assert_eq!(
        (&changed["title"], &changed["priority"]),
        (&json!("Backup"), &json!(12))
    );
    let list = ok(running.get("/message", &ADMIN).await);
    assert_eq!(list["messages"], json!([changed]));

    let body = json!({"message": "x"});
    let bob = json!({"name": "bob", "pass": "another horse"});
    ok(running.post("/user", &ADMIN, bob).await);
    for who in [&other, &As::Password("bob", "another horse")] {
        let answer = running.put(&path, who, body.clone()).await;
        refused(answer, 404, "message");
    }
    let unknown = running.put("/message/99", &sender, body).await;
    refused(unknown, 404, "message");
    let empty = running.put(&path, &sender, json!({"message": ""})).await;
    refused(empty, 400, "Field 'message' is required");
    let list = ok(running.get("/message", &ADMIN).await);
    assert_eq!(list["messages"], json!([changed]));
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_message_ends_at_the_time_that_its_sender_names() {
    let (running, clock) = start_with_clock().await;
    let (_, sender) = running.application("Oven").await;
    let body = json!({"message": "hot", "expiresAt": "2030-01-01T02:00:00+02:00"});
    let sent = ok(running.post("/message", &sender, body).await);
    assert_eq!(sent["expiresAt"], "2030-01-01T00:00:00.000Z");
    let path = format!("/message/{}", id(&sent));
    // A change of the text leaves the time, and a change of the time the text.
    let changed = ok(running
        .put(&path, &sender, json!({"message": "warm"}))
        .await);
    assert_eq!(changed["expiresAt"], sent["expiresAt"]);
    let later = json!({"expiresAt": "2031-01-01T00:00:00Z"});
    let changed = ok(running.put(&path, &sender, later).await);
    assert_eq!(
        (&changed["message"], &changed["expiresAt"]),
        (&json!("warm"), &json!("2031-01-01T00:00:00.000Z"))
    );
    let never = json!({"expiresAt": "", "message": "cold"});
    let changed = ok(running.put(&path, &sender, never).await);
    assert_eq!(changed["message"], "cold");
    assert_eq!(changed.get("expiresAt"), None);
    for (given, shown) in [
        (json!(1_893_456_000), json!("2030-01-01T00:00:00.000Z")),
        (json!("1893456000000"), json!("2030-01-01T00:00:00.000Z")),
        // A message counts more than a time that cannot be read.
        (json!("tomorrow"), json!(null)),
        (json!("2030-01-01"), json!(null)),
        (json!(3600), json!(null)),
        (json!({"days": 1}), json!(null)),
    ] {
        let body = json!({"message": "hot", "expiresAt": given});
        let sent = ok(running.post("/message", &sender, body).await);
        assert_eq!(sent["expiresAt"], shown, "{given}");
        let deleted = format!("/message/{}", id(&sent));
        ok(running.delete(&deleted, &ADMIN).await);
        if shown.is_null() {
            let change = json!({"expiresAt": given});
            refused(running.put(&path, &sender, change).await, 400, "expiresAt");
        }
    }
    // One whose time is over is deleted before long.
    let over = json!({"message": "over", "expiresAt": "2020-01-01T00:00:00Z"});
    let over = id(&ok(running.post("/message", &sender, over).await));
    clock.advance(std::time::Duration::from_secs(60));
    mortise_wait::until("the message is deleted", async || {
        let list = ok(running.get("/message", &ADMIN).await);
        let list = list["messages"].as_array().unwrap().clone();
        list.len() == 1 && list.iter().all(|message| id(message) != over)
    })
    .await;
    running.server.shutdown().await;
}

#[tokio::test]
async fn forms_are_taken_as_well() {
    let running = start().await;
    let (_, sender) = running.application("form").await;
    let fields = [
        ("title", "a & b"),
        ("message", "ünïcode\nlines"),
        ("priority", "3"),
    ];
    let form = running
        .request(Method::POST, "/message", &sender)
        .form(&fields);
    let mut parts = reqwest::multipart::Form::new();
    for (name, value) in fields {
        parts = parts.text(name, value);
    }
    let multipart = running
        .request(Method::POST, "/message", &sender)
        .multipart(parts);
    for request in [form, multipart] {
        let sent = ok(running.send(request).await);
        assert_eq!(sent["title"], "a & b");
        assert_eq!(sent["message"], "ünïcode\nlines");
        assert_eq!(sent["priority"], 3);
    }
    let wrong = running
        .request(Method::POST, "/message", &sender)
        .form(&[("message", "x"), ("priority", "high")]);
    refused(running.send(wrong).await, 400, "priority");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_user_sends_as_one_of_their_applications() {
    let running = start().await;
    let (application, _) = running.application("mine").await;
    let (_, client) = running.client(&ADMIN).await;
    for who in [&client, &ADMIN] {
        let message = json!({"message": "hello", "appid": application});
        let sent = ok(running.post("/message", who, message).await);
        assert_eq!(sent["appid"], application);
        refused(
            running
                .post("/message", who, json!({"message": "hello"}))
                .await,
            400,
            "appid is required",
        );
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_message_over_a_bound_is_refused_and_leaves_the_server_well() {
    let running = start().await;
    let (_, sender) = running.application("big").await;
    let mib = |n: usize| "x".repeat(n << 20);
    let post = async |body: Value| running.post("/message", &sender, body).await;
    ok(post(json!({"message": mib(15), "title": "x".repeat(1 << 20)})).await);
    let says = "this server accepts 16MiB";
    refused(
        post(json!({"message": mib(16), "title": "x"})).await,
        413,
        says,
    );
    refused(
        post(json!({"message": "x", "title": mib(16)})).await,
        413,
        says,
    );
    refused(
        post(json!({"message": "x", "extras": {"x": mib(16)}})).await,
        413,
        says,
    );
    refused(post(json!({"message": mib(50)})).await, 413, "body");
    refused(
        post(json!({"message": ""})).await,
        400,
        "'message' is required",
    );
    refused(post(json!({})).await, 400, "'message' is required");
    refused(
        post(json!({"message": 5})).await,
        400,
        "Field 'message': expected a text, found a number",
    );
    refused(
        post(json!({"message": "x", "extras": [1]})).await,
        400,
        "Field 'extras': expected a JSON object, found an array",
    );
    let broken = running
        .request(Method::POST, "/message", &sender)
        .header("content-type", "application/json")
        .body("{\"message\":");
    refused(running.send(broken).await, 400, "invalid JSON");
    let nothing = running.request(Method::POST, "/message", &sender);
    refused(running.send(nothing).await, 400, "'message' is required");
    ok(running.get("/health", &As::Nobody).await);
    let list = ok(running.get("/message", &ADMIN).await);
    assert_eq!(list["paging"]["size"], 1);
    running.server.shutdown().await;
}

#[tokio::test]
async fn pages_are_walked_without_gap_or_repetition() {
    let running = start().await;
    let (first, sender) = running.application("first").await;
    let (_, other) = running.application("other").await;
    for n in 0..7 {
        let body = json!({"message": n.to_string()});
        ok(running.post("/message", &sender, body.clone()).await);
        ok(running.post("/message", &other, body).await);
    }
    for (start, total) in [
        ("/message".to_owned(), 14),
        (format!("/application/{first}/message"), 7),
    ] {
        let mut next = Some(format!("{start}?limit=3"));
        let mut seen = Vec::new();
        while let Some(path) = next {
            let page = ok(running.get(&path, &ADMIN).await);
            let paging = &page["paging"];
            let messages = page["messages"].as_array().unwrap();
            assert_eq!(paging["limit"], 3);
            assert_eq!(paging["size"], messages.len());
            seen.extend(messages.iter().map(id));
            next = paging["next"].as_str().map(str::to_owned);
            match &next {
                Some(next) => {
                    let since = seen.last().unwrap();
                    assert_eq!(paging["since"], *since);
                    assert_eq!(*next, format!("{start}?limit=3&since={since}"));
                }
                None => assert_eq!(paging["since"], 0),
            }
        }
        assert_eq!(seen.len(), total);
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    }
    for (query, says) in [
        ("limit=0", "more or equal to 1"),
        ("limit=201", "less or equal to 200"),
        ("limit=x", "limit"),
        ("since=-1", "since"),
    ] {
        let answer = running.get(&format!("/message?{query}"), &ADMIN).await;
        refused(answer, 400, says);
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn deleted_messages_are_gone_and_their_ids_stay_unused() {
    let running = start().await;
    let (application, sender) = running.application("a").await;
    let (_, other) = running.application("b").await;
    let send = async |who: &As| {
        let sent = running.post("/message", who, json!({"message": "x"})).await;
        id(&ok(sent))
    };
    let size = async || ok(running.get("/message", &ADMIN).await)["paging"]["size"].clone();
    let one = send(&sender).await;
    send(&sender).await;
    send(&other).await;
    ok(running.delete(&format!("/message/{one}"), &ADMIN).await);
    refused(
        running.delete(&format!("/message/{one}"), &ADMIN).await,
        404,
        "message does not exist",
    );
    for wrong in ["x", "-1", "+1", "99999999999999999999"] {
        let answer = running.delete(&format!("/message/{wrong}"), &ADMIN).await;
        refused(answer, 400, "invalid id");
    }
    assert_eq!(size().await, 2);
    let path = format!("/application/{application}/message");
    ok(running.delete(&path, &ADMIN).await);
    assert_eq!(size().await, 1);
    let last = send(&other).await;
    ok(running.delete("/message", &ADMIN).await);
    assert_eq!(size().await, 0);
    assert!(send(&other).await > last);
    running.server.shutdown().await;
}
