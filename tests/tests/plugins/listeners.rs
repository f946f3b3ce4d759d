//! Listeners: in order, at least once, only readable messages, across failures
//! and restarts.

use std::time::Duration;

use mortise_server::config::Retry;
use mortise_tests::server::run;
use reqwest::Method;

use crate::{
    Rig, data,
    fixture::{READ_ALL, READ_BACKUP, SEND, WEBHOOK, listening, plugin, sending},
    grant, install, said, until,
};

#[tokio::test]
async fn a_listener_is_given_what_it_may_read_in_order() {
    let data = data(&[("ears", plugin("ears", &[READ_BACKUP], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    rig.stored("backup", "before it was enabled").await;
    let ears = rig.enable("ears").await;
    for number in 0..200 {
        rig.stored("backup", &format!("b{number}")).await;
        if number % 10 == 0 {
            rig.stored("secret", &format!("s{number}")).await;
        }
    }
    let expected: Vec<_> = (0..200).map(|number| format!("b{number}")).collect();
    until("all were given", async || said(&ears).len() >= 200).await;
    assert_eq!(said(&ears), expected);
    rig.stop().await;
}

#[tokio::test]
async fn a_listener_is_not_given_what_it_sent() {
    let parts = [listening('!'), sending()];
    let wants = [READ_ALL, SEND, WEBHOOK];
    let data = data(&[("both", plugin("both", &wants, &parts))]);
    grant(data.path(), &["both"], "webhook = true");
    let rig = Rig::start(data.path()).await;
    let both = rig.enable("both").await;
    let hook = format!("/plugin/{}/custom/{}/", both.id, both.token);
    rig.request(Method::POST, &hook, "mine").await;
    let other = format!("{hook}second");
    rig.request(Method::POST, &other, "mine too").await;
    rig.stored("backup", "theirs").await;
    until("theirs was given", async || !said(&both).is_empty()).await;
    assert_eq!(said(&both), ["theirs"]);
    let names: Vec<_> = rig
        .server
        .state()
        .store
        .applications(crate::ADA)
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.name.clone(), row.is_internal(), row.description))
        .collect();
    let made = "auto generated application for both".to_owned();
    assert_eq!(
        names,
        [
            ("both".to_owned(), true, made.clone()),
            ("second".to_owned(), true, made),
            ("backup".to_owned(), false, String::new()),
        ]
    );
    rig.stop().await;
}

#[tokio::test]
async fn what_keeps_failing_becomes_a_dead_letter_and_the_rest_goes_on() {
    let data = data(&[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let ears = rig.enable("ears").await;
    for body in ["a", "b", "!bad", "c", "!worse", "d"] {
        rig.stored("backup", body).await;
    }
    until("the last was given", async || {
        said(&ears).last().is_some_and(|text| text == "d")
    })
    .await;
    // Each at least once; a batch that failed was given again.
    let mut heard = said(&ears);
    heard.dedup();
    for body in ["a", "b", "c", "d"] {
        assert!(heard.iter().any(|text| text == body), "{heard:?}");
    }
    let (_, text) = rig.get(&format!("/plugin/{}/dead-letters", ears.id)).await;
    let aside: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(aside.len(), 2, "{text}");
    for entry in &aside {
        assert_eq!(entry["attempts"], 3);
        assert_eq!(entry["error"], "the plugin answered: poison");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_dead_letter_is_delivered_again_when_its_user_asks() {
    let data = data(&[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let ears = rig.enable("ears").await;
    rig.stored("backup", "!bad").await;
    let path = format!("/plugin/{}/dead-letters", ears.id);
    let listed = async || rig.api(Method::GET, &path, "").await;
    until("it is a dead letter", async || {
        listed().await != serde_json::json!([])
    })
    .await;
    let aside = listed().await;
    assert_eq!(aside[0]["title"], "plain");
    let one = format!("{path}/{}", aside[0]["messageId"]);
    let retry = format!("{one}/retry");
    let (status, text) = rig.request(Method::POST, &retry, "").await;
    assert_eq!(status, 422, "{text}");
    assert!(text.contains("poison"), "{text}");
    assert_eq!(listed().await[0]["attempts"], 4);
    // A version that takes it.
    let better = plugin("ears", &[READ_ALL], &[listening('?')]);
    rig.installed(&better).await.unwrap();
    let (status, text) = rig.request(Method::POST, &retry, "").await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(listed().await, serde_json::json!([]));
    let ears = rig.slot("ears").await;
    assert_eq!(said(&ears).last().unwrap(), "!bad");
    for (method, path) in [(Method::POST, &retry), (Method::DELETE, &one)] {
        let (status, _) = rig.request(method, path, "").await;
        assert_eq!(status, 404);
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_command_line_gives_dead_letters_again_or_removes_them() {
    let data = data(&[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let ears = rig.enable("ears").await;
    let bad = rig.stored("backup", "!bad").await.id.to_string();
    let worse = rig.stored("backup", "!worse").await.id.to_string();
    let store = &rig.server.state().store;
    until("both are dead letters", async || {
        store.dead_letters(ears.id).await.unwrap().len() == 2
    })
    .await;
    let data_dir = data.path().to_str().unwrap();
    let order = async |arguments: &[&str]| {
        let which = ["plugin", "dead-letters", "ears", "--data-dir", data_dir];
        let all = which.iter().chain(arguments);
        let all: Vec<_> = all.map(ToString::to_string).collect();
        // The server runs in this thread.
        let output = tokio::task::spawn_blocking(|| run(all)).await.unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, listed) = order(&["--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(
        listed["deadLetters"].as_array().unwrap().len(),
        2,
        "{listed}"
    );
    assert!(order(&[]).await.1.contains("poison"));

    // Both are tried, and stay where they are.
    let (code, text) = order(&["--retry"]).await;
    assert_eq!(code, Some(1), "{text}");
    for message in [&bad, &worse] {
        assert!(text.contains(&format!("failed {message}: ")), "{text}");
    }
    // A version that takes them.
    let better = plugin("ears", &[READ_ALL], &[listening('?')]);
    rig.installed(&better).await.unwrap();
    assert_eq!(
        order(&["--remove", &worse]).await,
        (Some(0), format!("removed {worse}\n"))
    );
    assert_eq!(
        order(&["--retry"]).await,
        (Some(0), format!("delivered {bad}\n"))
    );
    let (code, text) = order(&["--retry", &bad]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no such dead letter"), "{text}");
    assert!(order(&["--retry"]).await.1.contains("has no dead letters"));
    let ears = rig.slot("ears").await;
    assert_eq!(said(&ears).last().unwrap(), "!bad");
    rig.stop().await;
}

#[tokio::test]
async fn a_dead_letter_can_be_removed() {
    let data = data(&[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let ears = rig.enable("ears").await;
    let message = rig.stored("backup", "!bad").await;
    let store = &rig.server.state().store;
    until("it is a dead letter", async || {
        store.is_dead_letter(ears.id, message.id).await.unwrap()
    })
    .await;
    let one = format!("/plugin/{}/dead-letters/{}", ears.id, message.id);
    let (status, text) = rig.request(Method::DELETE, &one, "").await;
    assert_eq!(status, 200, "{text}");
    assert!(!store.is_dead_letter(ears.id, message.id).await.unwrap());
    assert!(
        store
            .message(crate::ADA, message.id)
            .await
            .unwrap()
            .is_some()
    );
    rig.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_across_a_restart() {
    let deaf = plugin("ears", &[READ_ALL], &[listening('m')]);
    let data = data(&[("ears", deaf)]);
    let rig = Rig::start_with(data.path(), |config| {
        config.listener_retry = Retry {
            first: Duration::from_millis(1),
            most: Duration::from_millis(2),
            attempts: u32::MAX,
        };
    })
    .await;
    let ears = rig.enable("ears").await;
    rig.stored("backup", "heard").await;
    until("the first was given", async || said(&ears) == ["heard"]).await;
    for number in 0..100 {
        rig.stored("backup", &format!("m{number}")).await;
    }
    until("it failed", async || ears.state().last_error.is_some()).await;
    rig.stop().await;

    // A version that takes them.
    install(
        data.path(),
        &[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))],
    );
    let rig = Rig::start(data.path()).await;
    let ears = rig.slot("ears").await;
    until("all were given", async || said(&ears).len() >= 100).await;
    let expected: Vec<_> = (0..100).map(|number| format!("m{number}")).collect();
    assert_eq!(said(&ears), expected, "from the cursor on");
    rig.stop().await;

    // And none again.
    let rig = Rig::start(data.path()).await;
    let ears = rig.slot("ears").await;
    rig.stored("backup", "new").await;
    until("the new one was given", async || !said(&ears).is_empty()).await;
    assert_eq!(said(&ears), ["new"]);
    rig.stop().await;
}

#[tokio::test]
async fn what_came_while_it_was_disabled_is_not_given() {
    let data = data(&[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let ears = rig.enable("ears").await;
    rig.stored("backup", "one").await;
    until("one was given", async || said(&ears) == ["one"]).await;
    assert_eq!(rig.post(&ears, "disable", "").await.0, 200);
    rig.stored("backup", "two").await;
    rig.enable("ears").await;
    rig.stored("backup", "three").await;
    until("three was given", async || said(&ears).len() > 1).await;
    assert_eq!(said(&ears), ["one", "three"]);
    rig.stop().await;
}

#[tokio::test]
async fn a_listener_goes_on_where_its_user_puts_it() {
    let data = data(&[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let first = rig.stored("backup", "before it was enabled").await.id;
    let ears = rig.slot("ears").await;
    let path = format!("/plugin/{}/listener", ears.id);
    let (status, text) = rig.get(&path).await;
    assert_eq!(status, 422, "{text}");
    rig.enable("ears").await;
    rig.stored("backup", "after").await;
    until("it was given", async || said(&ears) == ["after"]).await;

    let moved = rig.api(Method::PUT, &path, r#"{"after":0}"#).await;
    assert_eq!(moved["after"], 0, "{moved}");
    let all = ["after", "before it was enabled", "after"];
    until("it was given all", async || said(&ears) == all).await;
    let moved = rig
        .api(Method::PUT, &path, &format!(r#"{{"after":{first}}}"#))
        .await;
    assert_eq!(moved["after"], first, "{moved}");
    until("it was given the last", async || said(&ears).len() == 4).await;
    until("its position is stored", async || {
        rig.api(Method::GET, &path, "").await["waiting"] == 0
    })
    .await;

    // Nobody goes on after a message that is yet to come.
    let moved = rig.api(Method::PUT, &path, r#"{"after":999999}"#).await;
    assert_eq!(moved["after"], first + 1, "{moved}");
    let moved = rig.api(Method::PUT, &path, "{}").await;
    assert_eq!(
        (&moved["after"], &moved["waiting"]),
        (&(first + 1).into(), &0.into())
    );
    rig.stored("backup", "the next").await;
    until("it was given the next", async || said(&ears).len() == 5).await;
    rig.stop().await;
}
