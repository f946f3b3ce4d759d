//! Requests of strangers to a plugin's webhook do the plugin no harm.

use std::time::Duration;

use mortise_fixtures::components::ZEROS;
use mortise_runtime::{
    CallError, Grants, Limits,
    types::{Header, Permission, Verdict, WebhookRequest},
};

use crate::{Bench, FILTER, draft};

pub(crate) fn request(host: &str) -> WebhookRequest {
    WebhookRequest {
        method: "GET".to_owned(),
        path: "x".to_owned(),
        query: None,
        headers: Vec::new(),
        body: Vec::new(),
        client: "127.0.0.1".to_owned(),
        scheme: "http".to_owned(),
        host: host.to_owned(),
        base_path: "/plugin/1/custom/t/".to_owned(),
    }
}

fn grants() -> Grants {
    Grants::of(&[Permission::FilterMessages, Permission::Webhook]).unwrap()
}

#[tokio::test]
async fn a_malformed_request_is_its_senders_fault() {
    let bench = Bench::new();
    let world = "export wasi:http/incoming-handler@0.2.0;";
    let functions = r#"(func (export "wasi:http/incoming-handler@0.2.0#handle") (param i32 i32))"#;
    let instance = bench
        .started(world, functions, grants(), Limits::default())
        .await;
    let odd_header = |name: &str, value: &str| WebhookRequest {
        headers: vec![Header {
            name: name.to_owned(),
            value: value.to_owned(),
        }],
        ..request("example.org")
    };
    for odd in [
        request(""),
        request("a b"),
        request("push.example.org, inner.lan"),
        odd_header("a b", "x"),
        odd_header("x-a", "a\nb"),
    ] {
        let answer = instance.webhook(odd).await;
        assert!(
            matches!(answer, Err(CallError::BadRequest(_))),
            "{answer:?}"
        );
    }
    // Not one of them was a failure of the plugin's, which would be left alone
    // by now; these reach it, and it does not answer.
    for good in [
        request("example.org:8080"),
        odd_header("x-name", "Z\u{fc}rich"),
    ] {
        match instance.webhook(good).await {
            Err(CallError::Crashed { cause, .. }) => {
                assert!(cause.contains("without setting a response"), "{cause}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn webhooks_do_not_keep_a_filter_from_running() {
    let bench = Bench::new();
    let world = "export mortise:plugin/webhook@0.2.0; export mortise:plugin/filter@0.2.0;";
    let functions = format!(
        r#"(func (export "mortise:plugin/webhook@0.2.0#handle") (param i32) (result i32)
            (loop (br 0)) unreachable)
        {FILTER} (i32.const {ZEROS}))"#
    );
    let instance = bench
        .started(world, &functions, grants(), Limits::default())
        .await;
    let strangers: Vec<_> = (0..12)
        .map(|_| {
            let instance = instance.clone();
            tokio::spawn(async move { instance.webhook(request("example.org")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let verdict = instance.filter(&draft(), Duration::from_secs(4)).await;
    assert_eq!(verdict.unwrap(), Verdict::Keep);
    let mut ended = 0;
    for stranger in strangers {
        stranger.abort();
        if let Ok(Err(CallError::Preempted { .. })) = stranger.await {
            ended += 1;
        }
    }
    assert_eq!(ended, 1);
}
