//! The examples one by one, where their cases do not reach.

use mortise_runtime::{
    CallError, Capability,
    types::{Content, Header, Verdict, WebhookRequest},
};
use mortise_tests::guests;
use std::time::Duration;

use crate::{Running, backend, draft};

pub(crate) const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn each_exports_what_it_lists_and_imports_what_it_uses() {
    use Capability::{Configurer, Displayer, Filter, Lifecycle, Listener, Timer, Webhook};
    for (package, capabilities, imports) in [
        ("rules", vec![Lifecycle, Configurer, Filter], vec!["log"]),
        ("jq", vec![Lifecycle, Configurer, Filter], vec!["log"]),
        (
            "forward",
            vec![Lifecycle, Configurer, Listener],
            vec!["storage", "log"],
        ),
        (
            "alertmanager",
            vec![Lifecycle, Configurer, Displayer, Webhook],
            vec!["messages", "storage", "log"],
        ),
        (
            "json-webhook",
            vec![Lifecycle, Configurer, Displayer, Webhook],
            vec!["messages", "storage", "log"],
        ),
        (
            "clock",
            vec![Lifecycle, Configurer, Timer],
            vec!["messages", "storage", "timers", "log"],
        ),
    ] {
        let file = guests::example(package);
        let inspection = backend().inspect(&file).await.unwrap();
        assert_eq!(
            inspection.capabilities.iter().collect::<Vec<_>>(),
            capabilities,
            "{package}"
        );
        let own: Vec<_> = inspection
            .imports
            .iter()
            .filter_map(|name| name.strip_prefix("mortise:plugin/")?.strip_suffix("@0.2.0"))
            .filter(|name| *name != "types")
            .collect();
        assert_eq!(own, imports, "{package}");
        let calls_out = inspection
            .imports
            .iter()
            .any(|name| name.starts_with("wasi:http/outgoing-handler"));
        assert_eq!(calls_out, package == "forward", "{package}");
    }
}

#[tokio::test]
async fn default_configurations_are_valid_and_have_a_schema() {
    for package in [
        "rules",
        "jq",
        "forward",
        "alertmanager",
        "json-webhook",
        "clock",
    ] {
        let running = Running::new(package, "").await;
        let defaults = running.instance.default_config().await.unwrap();
        running.instance.apply_config(&defaults).await.unwrap();
        let schema = running.instance.config_schema().await.unwrap().unwrap();
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        assert_eq!(schema["type"], "object", "{package}");
        let error = running.instance.apply_config("surplus: 1\n").await;
        let Err(CallError::Config(problems)) = error else {
            panic!("{package}: {error:?}")
        };
        assert_eq!(problems[0].path, "surplus", "{package}");
        assert!(
            problems[0].text.contains("line 1"),
            "{package}: {problems:?}"
        );
    }
}

#[tokio::test]
async fn jq_does_what_programs_say() {
    let config = "
applications:
  backup: select(.priority > 5) | .title |= ascii_upcase
  other: .body |= fromjson
";
    let running = Running::started("jq", config).await;
    let filter = async |draft| running.instance.filter(&draft, SOON).await;

    let verdict = filter(draft("done", "b")).await.unwrap();
    assert_eq!(
        verdict,
        Verdict::Drop("dropped by the jq program of `backup`".to_owned())
    );
    let mut urgent = draft("done", "b");
    urgent.content.priority = 6;
    let Verdict::Replace(content) = filter(urgent).await.unwrap() else {
        panic!("it has a program")
    };
    assert_eq!((content.title.as_str(), content.priority), ("DONE", 6));

    let mut wrong = draft("t", "{}");
    wrong.application.name = "other".to_owned();
    let error = filter(wrong.clone()).await.unwrap_err().to_string();
    assert!(
        error.contains("the program of `other`: the body is {}, not a text"),
        "{error}"
    );
    wrong.application.name = "third".to_owned();
    assert_eq!(filter(wrong).await.unwrap(), Verdict::Keep);

    // A configuration that is refused says where, and leaves the one before.
    let refused = running
        .instance
        .apply_config("applications: {backup: '.title | upcase'}")
        .await;
    let Err(CallError::Config(problems)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(problems[0].path, "applications.backup");
    assert_eq!(
        problems[0].text,
        "line 1, column 10: there is no filter `upcase`"
    );
    assert!(matches!(
        filter(draft("done", "b")).await.unwrap(),
        Verdict::Drop(_)
    ));
}

fn request(body: &str) -> WebhookRequest {
    WebhookRequest {
        method: "POST".to_owned(),
        path: String::new(),
        query: None,
        headers: vec![Header {
            name: "content-type".to_owned(),
            value: "application/json".to_owned(),
        }],
        body: body.into(),
        client: "192.0.2.1".to_owned(),
        scheme: "https".to_owned(),
        host: "push.example.org".to_owned(),
        base_path: "/plugin/3/custom/secret/".to_owned(),
    }
}

#[tokio::test]
async fn alertmanager_makes_messages_of_notifications() {
    let running = Running::started("alertmanager", "").await;
    let page = running.instance.display(Some("https://push.example.org"));
    assert!(page.await.unwrap().contains("<the webhook address>"));

    let sample = include_str!("../../../examples/alertmanager/sample.json");
    let answer = running.instance.webhook(request(sample)).await.unwrap();
    assert_eq!(answer.status, 204);
    let sent = running.host.kept().sent;
    let Content {
        title,
        priority,
        extras,
        ..
    } = &sent[0].0.content;
    assert_eq!(title, "[FIRING:2] HostOutOfDiskSpace (db)");
    assert_eq!(*priority, 9);
    assert!(
        extras
            .as_ref()
            .unwrap()
            .contains("https://alerts.example.org")
    );

    let answer = running.instance.webhook(request("no JSON")).await.unwrap();
    assert_eq!(answer.status, 400);
    let page = running.instance.display(Some("https://push.example.org"));
    assert!(
        page.await
            .unwrap()
            .contains("https://push.example.org/plugin/3/custom/secret/")
    );
}

#[tokio::test]
async fn alertmanager_says_when_it_may_not_send() {
    let running = Running::with("alertmanager", "", |grants| {
        grants.user.send_messages = false
    })
    .await;
    running.instance.start().await.unwrap();
    let sample = include_str!("../../../examples/alertmanager/sample.json");
    let answer = running.instance.webhook(request(sample)).await.unwrap();
    assert_eq!(answer.status, 403);
    assert!(
        String::from_utf8(answer.body)
            .unwrap()
            .contains("send-messages")
    );
}
