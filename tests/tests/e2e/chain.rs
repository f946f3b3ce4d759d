//! `mortise plugin filters` and `mortise plugin keys`, with the real program on both ends.

use mortise_tests::{
    components, guests,
    minisign::Signer,
    server::{Data, body},
};
use mortise_wait::until;
use reqwest::Method;
use serde_json::{Value, json};

use crate::command_line::{plugin, refused, said, told};

#[tokio::test]
async fn filters_are_put_into_an_order_and_fail_as_their_user_has_it() {
    let data = Data::new();
    for name in ["rules", "jq"] {
        let component = std::fs::read(guests::example(name)).unwrap();
        data.plugin(&format!("{name}.wasm"), &component);
    }
    let server = data.serve().await;
    let chain = |arguments: &[&str]| -> Vec<(String, bool)> {
        let text = said(&data, &[&["filters", "--json"], arguments].concat());
        let chain: Vec<Value> = serde_json::from_str(&text).unwrap();
        let shown = chain.iter().map(|one| {
            let id = one["modulePath"].as_str().unwrap();
            (id.to_owned(), one["failClosed"] == true)
        });
        shown.collect()
    };
    let before = chain(&[]);
    assert_eq!(before.len(), 2, "{before:?}");
    let last = before[1].0.clone();
    let after = chain(&["--order", &last, "--fail-closed", "rules"]);
    assert_eq!(after[0].0, last);
    for (id, closed) in &after {
        assert_eq!(*closed, id.contains("rules"), "{id}");
    }
    // The rest stays as it is.
    assert_eq!(chain(&["--fail-open", "rules"])[0].0, last);
    let table = said(&data, &["filters"]);
    assert!(table.contains("the message continues"), "{table}");
    let text = refused(plugin(&data, &["filters", "--order", "nothing"]));
    assert!(text.contains("is not one of your filters"), "{text}");
    // It sees the messages of chosen applications alone.
    server.application("backup").await;
    let table = said(&data, &["filters", "--only", "rules=backup"]);
    let row = table.lines().find(|line| line.contains("rules")).unwrap();
    assert!(row.contains("backup"), "{table}");
    let table = said(&data, &["filters", "--only", "rules=*"]);
    assert!(!table.contains("backup"), "{table}");
    let text = refused(plugin(&data, &["filters", "--only", "rules=none"]));
    assert!(text.contains("you have no application `none`"), "{text}");
    let text = refused(plugin(&data, &["filters", "--only", "rules"]));
    assert!(text.contains("write it as `rules=backup,ci`"), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn a_filter_is_tried_on_a_message_that_is_not_sent() {
    const ID: &str = "io.mortise.rules";
    let data = Data::new();
    data.plugin(
        "rules.wasm",
        &std::fs::read(guests::example("rules")).unwrap(),
    );
    let server = data.serve().await;
    let rules = |field: &str| {
        format!("rules: [{{ when: {{ {field}: 'down' }}, then: {{ prefix_title: '[!] ' }} }}]")
    };
    server.enable(ID, Some(&rules("body"))).await;
    server.application("watch").await;
    let text = said(&data, &["try", "rules", "--title", "nas", "it is down"]);
    assert!(text.starts_with("replace: title [!] nas\n"), "{text}");
    let text = said(&data, &["try", "rules", "--app", "watch", "it is up"]);
    assert!(text.starts_with("keep\n"), "{text}");
    // With a configuration before it is saved.
    let file = data.path().join("next.yaml");
    std::fs::write(&file, rules("title")).unwrap();
    let file = file.to_str().unwrap();
    let text = said(&data, &["try", "rules", "--config", file, "it is down"]);
    assert!(text.starts_with("keep\n"), "{text}");
    std::fs::write(file, "rules: 7").unwrap();
    let text = refused(plugin(
        &data,
        &["try", "rules", "--config", file, "it is down"],
    ));
    assert!(
        text.contains("does not start") && text.contains("rules"),
        "{text}"
    );
    let text = refused(plugin(
        &data,
        &["try", "rules", "--app", "none", "it is down"],
    ));
    assert!(text.contains("you have no application `none`"), "{text}");
    let text = refused(plugin(&data, &["try", "rules", ""]));
    assert!(text.contains("Field 'message' is required"), "{text}");
    assert!(server.messages().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn timers_are_shown_with_their_next_times() {
    const ID: &str = "io.mortise.clock";
    let data = Data::new();
    data.plugin(
        "clock.wasm",
        &std::fs::read(guests::example("clock")).unwrap(),
    );
    data.grant_as_asked(ID);
    let server = data.serve().await;
    assert!(said(&data, &["timers", "clock"]).contains("has no timers"));
    let config = "messages: [{ name: read, cron: '0 9 * * *', text: Read the report. }]";
    server.enable(ID, Some(config)).await;
    let table = said(&data, &["timers", "clock"]);
    assert!(table.contains("cron 0 9 * * *"), "{table}");
    let timers: Value = serde_json::from_str(&said(&data, &["timers", "clock", "--json"])).unwrap();
    assert_eq!(timers[0]["next"].as_array().unwrap().len(), 3, "{timers}");
    server.stop().await;
}

#[tokio::test]
async fn the_calls_of_a_plugin_are_shown_and_those_about_a_message() {
    const ID: &str = "io.mortise.clock";
    let data = Data::new();
    data.plugin(
        "clock.wasm",
        &std::fs::read(guests::example("clock")).unwrap(),
    );
    data.grant_as_asked(ID);
    let server = data.serve().await;
    assert!(said(&data, &["trace", "clock"]).contains("no call of io.mortise.clock"));
    let config = "messages: [{ name: tick, cron: '* * * * * *', text: It ticks. }]";
    server.enable(ID, Some(config)).await;
    let mut sent = Vec::new();
    until("it has sent a message", async || {
        sent = server.messages().await;
        !sent.is_empty()
    })
    .await;
    let message = &sent[0]["id"];
    let calls: Value = serde_json::from_str(&said(&data, &["trace", "clock", "--json"])).unwrap();
    let of_message = calls
        .as_array()
        .unwrap()
        .iter()
        .find(|call| call["sent"][0] == *message);
    assert_eq!(of_message.unwrap()["timer"], "tick", "{calls}");
    let table = said(&data, &["trace", "clock"]);
    assert!(table.contains("timer tick"), "{table}");
    let table = said(&data, &["trace", "clock", "--failed"]);
    assert!(table.contains("no failed call"), "{table}");
    let shown = told(&data, &["message", "trace", &message.to_string()]);
    assert!(shown.starts_with("sent by io.mortise.clock "), "{shown}");
    assert!(shown.contains(": timer tick\n"), "{shown}");
    server.stop().await;
}

#[tokio::test]
async fn a_changed_message_is_filtered_as_it_was_sent() {
    let data = Data::new();
    let component = std::fs::read(guests::example("rules")).unwrap();
    data.plugin("rules.wasm", &component);
    let server = data.serve().await;
    let rules = "rules: [{ when: { body: 'down' }, then: { prefix_title: '[!] ', priority: 9 } }]";
    server.enable("io.mortise.rules", Some(rules)).await;
    let token = server.application("watch").await;
    let sent = json!({ "title": "nas", "message": "it is down", "priority": 3 });
    let sent = body(server.send(&token, &sent).await).await;
    assert_eq!(
        (&sent["title"], &sent["priority"]),
        (&"[!] nas".into(), &9.into())
    );
    let change = async |change: Value| {
        let path = format!("/message/{}", sent["id"]);
        let request = server
            .request(Method::PUT, &path)
            .header("x-gotify-key", &token);
        body(request.json(&change).send().await.unwrap()).await
    };
    // The prefix is there once, and goes with its reason.
    let still = change(json!({ "message": "it is still down" })).await;
    assert_eq!(
        (&still["title"], &still["priority"]),
        (&"[!] nas".into(), &9.into())
    );
    let up = change(json!({ "message": "it is up" })).await;
    assert_eq!((&up["title"], &up["priority"]), (&"nas".into(), &3.into()));
    assert_eq!(up["id"], sent["id"]);
    let stored = server.messages().await;
    assert_eq!(stored, [up]);
    server.stop().await;
}

#[tokio::test]
async fn a_field_that_is_not_kept_as_it_was_sent_must_be_named() {
    let data = Data::new();
    let component = std::fs::read(guests::example("rules")).unwrap();
    data.plugin("rules.wasm", &component);
    let rules = "rules: [{ when: { body: '^down' }, \
                 then: { replace: [{ pattern: '^down', with: 'DOWN' }] } }]";
    let mut server = data.serve().await;
    server.enable("io.mortise.rules", Some(rules)).await;
    let token = server.application("watch").await;
    // Longer than a trace keeps.
    let long = "n".repeat(5000);
    for keeps_traces in [true, false] {
        if !keeps_traces {
            server.stop().await;
            let mut command = data.command();
            command.env("MORTISE_KEEP_TRACES", "false");
            server = data.serve_with(command).await;
        }
        let rest = if keeps_traces { &*long } else { "now" };
        let sent = json!({ "title": "nas", "message": format!("down {rest}"), "priority": 3 });
        let sent = body(server.send(&token, &sent).await).await;
        assert!(sent["message"] == format!("DOWN {rest}"));
        let change = async |change: Value| {
            let path = format!("/message/{}", sent["id"]);
            let request = server.request(Method::PUT, &path);
            let request = request.header("x-gotify-key", &token);
            request.json(&change).send().await.unwrap()
        };
        let answer = change(json!({ "priority": 4 })).await;
        assert_eq!(answer.status(), 409);
        let text = answer.text().await.unwrap();
        assert!(text.contains("send `title`, `message`"), "{text}");
        let whole = json!({ "title": "nas", "message": "down", "priority": 4, "extras": {} });
        let changed = body(change(whole).await).await;
        assert_eq!(
            (&changed["message"], &changed["priority"]),
            (&"DOWN".into(), &4.into())
        );
        // One that no filter changed is there as it was sent.
        let sent = json!({ "title": "nas", "message": "it is up" });
        let sent = body(server.send(&token, &sent).await).await;
        let path = format!("/message/{}", sent["id"]);
        let request = server.request(Method::PUT, &path);
        let request = request.header("x-gotify-key", &token);
        let changed = body(
            request
                .json(&json!({ "priority": 5 }))
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(
            (&changed["title"], &changed["priority"]),
            (&"nas".into(), &5.into())
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_restored_change_changes_its_message() {
    let data = Data::new();
    let component = std::fs::read(guests::example("rules")).unwrap();
    data.plugin("rules.wasm", &component);
    let server = data.serve().await;
    let rules = "rules: [{ when: { body: 'still' }, then: { drop: true } }]";
    server.enable("io.mortise.rules", Some(rules)).await;
    let token = server.application("watch").await;
    let sent = json!({ "title": "nas", "message": "it is down", "priority": 3 });
    let sent = body(server.send(&token, &sent).await).await;
    let path = format!("/message/{}", sent["id"]);
    let change = server.request(Method::PUT, &path);
    let change = change.header("x-gotify-key", &token);
    let change = change.json(&json!({ "message": "it is still down" }));
    assert!(change.send().await.unwrap().status().is_success());
    assert_eq!(server.messages().await, std::slice::from_ref(&sent));
    let dropped = async || {
        let list = server.admin(Method::GET, "/message/dropped").send().await;
        body(list.unwrap()).await["messages"].clone()
    };
    let change = dropped().await[0].clone();
    assert_eq!(change["updates"], sent["id"]);
    let restore = format!("/message/dropped/{}/restore", change["id"]);
    let restored = body(server.admin(Method::POST, &restore).send().await.unwrap()).await;
    assert_eq!(
        (&restored["id"], &restored["message"]),
        (&sent["id"], &"it is still down".into())
    );
    assert_eq!(server.messages().await, [restored]);
    assert_eq!(dropped().await, json!([]));
    server.stop().await;
}

#[tokio::test]
async fn keys_are_trusted_and_distrusted_by_name() {
    let data = Data::new();
    let server = data.serve().await;
    assert!(said(&data, &["keys"]).contains("no key is trusted"));
    let signer = Signer::new();
    let file = data.path().join("frank.pub");
    let text = format!(
        "untrusted comment: minisign public key\n{}\n",
        signer.public()
    );
    std::fs::write(&file, text).unwrap();
    let table = said(&data, &["keys", "--trust", file.to_str().unwrap()]);
    assert!(table.contains("frank"), "{table}");

    let signed = data.path().join("signed.wasm");
    let bytes = components::plugin("test.signed", "", "").unwrap();
    std::fs::write(&signed, &bytes).unwrap();
    std::fs::write(signed.with_extension("wasm.minisig"), signer.sign(&bytes)).unwrap();
    said(&data, &["install", signed.to_str().unwrap()]);
    let status: Value =
        serde_json::from_str(&said(&data, &["status", "test.signed", "--json"])).unwrap();
    assert_eq!(status["signature"]["key"], "frank", "{status}");

    let text = refused(plugin(&data, &["keys", "--distrust", "bob"]));
    assert!(text.contains("no trusted key has the name `bob`"), "{text}");
    assert!(said(&data, &["keys", "--distrust", "frank"]).contains("no key is trusted"));
    let none = signed.to_str().unwrap();
    let text = refused(plugin(&data, &["keys", "--trust", none]));
    assert!(text.contains("has no public key"), "{text}");
    server.stop().await;
}
