//! The examples in Python and TypeScript, and the reports of uncaught
//! exceptions.

use std::time::Duration;

use mortise_runtime::{
    CallError,
    types::{Header, Verdict, WebhookRequest},
};
use mortise_tests::guests;

use crate::{Running, draft};

/// An interpreter takes its time on a busy machine.
const SOON: Duration = Duration::from_secs(60);

const READABLE: &str = "examples/readable";
const GITHUB: &str = "examples/github";
const PYTHON: &str = "tests/conformance/plugins/python";
const JAVASCRIPT: &str = "tests/conformance/plugins/javascript";

/// A plugin with its own default configuration, or another one.
async fn started(folder: &str, config: Option<&str>) -> Running {
    let running = Running::of(&guests::authored(folder), "", |_| {}).await;
    let config = match config {
        Some(config) => config.to_owned(),
        None => running.instance.default_config().await.unwrap(),
    };
    running.instance.apply_config(&config).await.unwrap();
    running.instance.start().await.unwrap();
    running
}

#[tokio::test]
async fn readable_makes_markdown_of_json() {
    let running = started(READABLE, None).await;
    let filter = async |title: &str, body: &str| {
        running
            .instance
            .filter(&draft(title, body), SOON)
            .await
            .unwrap()
    };
    let body = r#"{"event": "backup done", "host": "db_1", "ok": true, "sizes": [1, {"a": null}]}"#;
    let Verdict::Replace(content) = filter("", body).await else {
        panic!("it is JSON")
    };
    assert_eq!(content.title, "backup done");
    assert_eq!(
        content.body,
        "- **event**: backup done\n- **host**: db\\_1\n- **ok**: yes\n- **sizes**:\n  - 1\n  -\n    - **a**: –"
    );
    let extras: serde_json::Value = serde_json::from_str(&content.extras.unwrap()).unwrap();
    assert_eq!(extras["client::display"]["contentType"], "text/markdown");
    for body in ["no JSON", "{no JSON either", "[]", "7"] {
        assert_eq!(filter("t", body).await, Verdict::Keep, "{body}");
    }

    let schema = running.instance.config_schema().await.unwrap().unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["depth"]["type"], "integer");
    let wrong = "applications = [1]\ndepth = \"x\"\nsurplus = 1\n";
    let Err(CallError::Config(problems)) = running.instance.apply_config(wrong).await else {
        panic!("it is refused")
    };
    let paths: Vec<_> = problems.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["applications[0]", "depth", "surplus"]);
    let Err(CallError::Config(problems)) = running.instance.apply_config("depth 1").await else {
        panic!("it is neither YAML nor TOML")
    };
    assert!(problems[0].text.contains("line 1"), "{problems:?}");
}

fn event(name: &str, body: &str, signature: &str) -> WebhookRequest {
    let header = |name: &str, value: &str| Header {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    WebhookRequest {
        method: "POST".to_owned(),
        path: String::new(),
        query: None,
        headers: vec![
            header("x-github-event", name),
            header("x-hub-signature-256", signature),
        ],
        body: body.into(),
        client: "192.0.2.1".to_owned(),
        scheme: "https".to_owned(),
        host: "push.example.org".to_owned(),
        base_path: "/plugin/3/custom/secret/".to_owned(),
    }
}

#[tokio::test]
async fn github_makes_messages_of_events_that_are_signed() {
    let body = r#"{"ref": "refs/heads/main", "repository": {"full_name": "a/b"}, "sender": {"login": "ada"}, "compare": "https://example.org/c", "commits": [{"id": "0123456789", "message": "Mend it\n\nAt last."}]}"#;
    // HMAC-SHA256 of the body with the key `secret`.
    let signature = "sha256=2761bf5d0e5e11f7a1fa44dc4e3e0680d515f41bc621b6309778922f5e8540ff";
    let running = started(GITHUB, Some(r#"{"secret": "secret", "events": ["push"]}"#)).await;
    let answer = async |request| running.instance.webhook(request).await.unwrap();

    assert_eq!(answer(event("push", body, signature)).await.status, 204);
    let sent = running.host.kept().sent;
    let content = &sent[0].0.content;
    assert_eq!(content.title, "a/b: 1 commit to main by ada");
    assert_eq!(content.body, "- `0123456` Mend it");
    assert!(
        content
            .extras
            .as_ref()
            .unwrap()
            .contains("https://example.org/c")
    );

    for (event, status) in [
        (event("push", body, "sha256=00"), 403),
        (event("push", &body.replace("ada", "eve"), signature), 403),
        (event("push", body, ""), 403),
        // Signed, and of no interest.
        (event("star", body, signature), 200),
    ] {
        assert_eq!(answer(event).await.status, status);
    }
    assert_eq!(running.host.kept().sent.len(), 1);

    let unset = started(GITHUB, None).await;
    let answer = unset.instance.webhook(event("push", body, signature)).await;
    assert_eq!(answer.unwrap().status, 403);
    let refused = unset.instance.apply_config(r#"{"sekret": "x"}"#).await;
    assert!(
        matches!(&refused, Err(CallError::Config(problems)) if problems[0].path == "sekret"),
        "{refused:?}"
    );
}

/// An uncaught exception ends the call as a crash, whose report names the
/// exception and its line. The next call gets a new instance.
async fn tells_exceptions(folder: &str, source: &str, marker: &str) {
    let running = started(folder, Some("")).await;
    let built = guests::authored(folder);
    let copy = built.ancestors().nth(2).unwrap();
    let text = std::fs::read_to_string(copy.join(source)).unwrap();
    let line = text.lines().position(|line| line.contains(marker)).unwrap() + 1;
    let error = running
        .instance
        .filter(&draft("panic on purpose", "b"), SOON)
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Crashed { .. }), "{error:?}");
    for told in [error.full(), running.logged()] {
        assert!(told.contains("on purpose"), "{told}");
        let place = [
            format!("{source}:{line}"),
            format!("{source}\", line {line}"),
        ];
        assert!(
            place.iter().any(|place| told.contains(place)),
            "{line}: {told}"
        );
    }
    let verdict = running.instance.filter(&draft("calls", "b"), SOON).await;
    assert!(
        matches!(&verdict, Ok(Verdict::Replace(content)) if content.body == "1"),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn an_exception_in_python_is_told_with_its_line() {
    tells_exceptions(PYTHON, "plugin.py", "raise RuntimeError(text)").await;
}

#[tokio::test]
async fn an_exception_in_javascript_is_told_with_its_line() {
    tells_exceptions(JAVASCRIPT, "plugin.js", "new TypeError(rest)").await;
}
