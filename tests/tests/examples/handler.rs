//! A component that is a webhook by the standard's interface instead of the
//! contract's.

use mortise_runtime::{
    CallError, Capability,
    types::{Header, WebhookRequest},
};

use crate::Running;

const BASE: &str = "/plugin/1/custom/t/";

fn request(path: &str) -> WebhookRequest {
    WebhookRequest {
        method: "POST".to_owned(),
        path: path.to_owned(),
        query: Some("x=1".to_owned()),
        // Its sender cannot make up where it comes from, or where it goes.
        headers: [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-prefix", "/elsewhere"),
            ("x-kept", "yes"),
        ]
        .map(|(name, value)| Header {
            name: name.to_owned(),
            value: value.to_owned(),
        })
        .to_vec(),
        body: b"hello".to_vec(),
        client: "192.0.2.1".to_owned(),
        scheme: "https".to_owned(),
        host: "push.example".to_owned(),
        base_path: BASE.to_owned(),
    }
}

#[tokio::test]
async fn it_is_given_the_request_and_its_answer_is_passed_on() {
    let running = Running::started("handler", "").await;
    let capabilities = running.instance.capabilities();
    assert!(capabilities.contains(Capability::Webhook));
    let answer = running.instance.webhook(request("a/b")).await.unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(answer.headers[0].value, "text/plain");
    let text = String::from_utf8(answer.body).unwrap();
    let expected = format!(
        "Method::Post Some(Scheme::Https) push.example {BASE}a/b?x=1\n\
         x-forwarded-for: 192.0.2.1\n\
         x-forwarded-prefix: {BASE}\n\
         x-kept: yes\n\
         hello"
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn what_it_does_wrong_is_an_error_and_the_next_request_works() {
    let running = Running::started("handler", "").await;
    for (path, expected) in [
        ("trap", "unreachable"),
        ("silent", "without setting a response"),
        ("flood", "length limit exceeded"),
    ] {
        let error = running.instance.webhook(request(path)).await.unwrap_err();
        let CallError::Crashed { cause, .. } = &error else {
            panic!("{path}: {error}");
        };
        assert!(cause.contains(expected), "{path}: {cause}");
        // One failure at a time: the second in a row would be given a pause.
        let answer = running.instance.webhook(request("")).await.unwrap();
        assert_eq!(answer.status, 201, "after {path}");
    }
}

#[tokio::test]
async fn it_needs_the_grant_that_every_webhook_needs() {
    let running = Running::with("handler", "", |grants| grants.host.webhook = false).await;
    let error = running.instance.webhook(request("")).await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::Denied {
                permission: "webhook"
            }
        ),
        "{error}"
    );
}
