//! The fixture `everything`: each import of the contract from a real guest, and
//! what the sandbox refuses.

use std::{path::Path, time::Duration};

use mortise_runtime::{
    CallError,
    types::{Directory, StopReason, Verdict},
};

use crate::{Running, draft, message, receiver::Receiver};

const SOON: Duration = Duration::from_secs(10);

/// Has it do a command; the answer, or the error as text.
async fn tell(running: &Running, command: &str) -> Result<String, String> {
    match running.instance.filter(&draft(command, "b"), SOON).await {
        Ok(Verdict::Replace(content)) => Ok(content.body),
        Ok(verdict) => panic!("{command}: {verdict:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn every_import_answers() {
    let running = Running::started("everything", "").await;
    for (command, expected) in [
        ("say hello", "hello"),
        ("user", r#"{"id":7,"name":"ada","admin":false}"#),
        ("send one", "1"),
        ("send-as alarms two", "2"),
        ("store k v w", "?"),
        ("load k", "v w"),
        ("load none", "(none)"),
        ("keys k", r#"["k"]"#),
        ("count", "1"),
        ("count", "2"),
        ("env MORTISE_TEST", "(none)"),
        ("envs", "[]"),
    ] {
        // An empty answer is no message: such commands are told another way.
        if expected == "?" {
            running.instance.on_timer(command).await.unwrap();
            continue;
        }
        assert_eq!(
            tell(&running, command).await.unwrap(),
            expected,
            "{command}"
        );
    }
    let sent = tell(&running, "sent").await.unwrap();
    assert!(sent.find("two") < sent.find("one"), "{sent}");
    assert!(tell(&running, "get 1").await.unwrap().contains("one"));
    running.instance.on_timer("remove 1").await.unwrap();
    assert_eq!(tell(&running, "get 1").await.unwrap(), "null");

    running
        .instance
        .on_messages(&[message(5, "say heard")])
        .await
        .unwrap();
    assert_eq!(tell(&running, "load answer").await.unwrap(), "heard");

    running.instance.on_timer("every t 1000").await.unwrap();
    let refused = running.instance.on_timer("every t 1").await.unwrap_err();
    assert!(refused.to_string().contains("invalid"), "{refused}");
    assert_eq!(running.host.kept().timers.len(), 1);

    for command in ["log warn a", "print b", "eprint c"] {
        running.instance.on_timer(command).await.unwrap();
    }
    running.instance.stop(StopReason::Disabled).await.unwrap();
    let logged = running.logged();
    for line in ["a\n", "b\n", "c\n", "stopped: Disabled\n"] {
        assert!(logged.contains(line), "{line:?} in {logged}");
    }
}

#[tokio::test]
async fn what_was_not_granted_is_refused() {
    let receiver = Receiver::new(vec!["200 OK".to_owned()]).await;
    let running = Running::with("everything", "", |grants| {
        *grants = mortise_runtime::Grants {
            filter_messages: true,
            ..Default::default()
        }
    })
    .await;
    running.instance.start().await.unwrap();
    let http = format!("http {}", receiver.url("/"));
    for (command, permission) in [
        ("send x", "send-messages"),
        ("received", "read-messages"),
        ("every t 1000", "timers"),
        (http.as_str(), "http"),
    ] {
        let error = tell(&running, command).await.unwrap_err();
        assert!(
            error.contains("denied") && error.contains(permission),
            "{command}: {error}"
        );
    }
    for command in ["read-file /etc/passwd", "list-dir /", "write-file /tmp/x y"] {
        assert!(tell(&running, command).await.is_err(), "{command}");
    }
    let tcp = format!("tcp {}", receiver.address);
    assert!(tell(&running, &tcp).await.is_err());
    assert!(receiver.asked().is_empty());
    assert!(matches!(
        running.instance.on_timer("t").await,
        Err(CallError::Denied {
            permission: "timers"
        })
    ));
}

#[tokio::test]
async fn what_was_granted_works() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "text").unwrap();
    let receiver = Receiver::new(vec!["200 OK".to_owned()]).await;
    let path = folder.path().to_str().unwrap().to_owned();
    let running = Running::with("everything", "", |grants| {
        grants.files.insert(Directory {
            path: path.clone(),
            writable: false,
        });
    })
    .await;
    running.instance.start().await.unwrap();
    let file = Path::new(&path).join("a");
    let read = tell(&running, &format!("read-file {}", file.display())).await;
    assert_eq!(read.unwrap(), "text");
    let listed = tell(&running, &format!("list-dir {path}")).await;
    assert_eq!(listed.unwrap(), r#"["a"]"#);
    let write = tell(&running, &format!("write-file {} x", file.display())).await;
    assert!(write.is_err());
    let out = tell(&running, &format!("read-file {path}/../../etc/passwd")).await;
    assert!(out.is_err());

    let answer = tell(&running, &format!("http {}", receiver.url("/a?b"))).await;
    assert_eq!(answer.unwrap(), "200 answer");
    assert!(receiver.asked()[0].head.starts_with("GET /a?b HTTP/1.1"));
}

#[tokio::test]
async fn comes_back_after_what_ends_it() {
    let running = Running::started("everything", "").await;
    for (command, words) in [
        ("panic on purpose", "unreachable"),
        // Its own stack lies below its data and overflows before wasmtime's.
        ("recurse", "out of bounds memory access"),
        ("allocate", "`filter.filter` crashed"),
        ("exit 3", "`filter.filter` crashed"),
    ] {
        assert_eq!(tell(&running, "calls").await.unwrap(), "1", "{command}");
        let error = tell(&running, command).await.unwrap_err();
        assert!(error.contains(words), "{command}: {error}");
    }
    assert!(
        running.logged().contains("on purpose"),
        "{}",
        running.logged()
    );

    let looped = running
        .instance
        .filter(&draft("loop", "b"), Duration::from_millis(300))
        .await;
    assert!(
        matches!(looped, Err(CallError::DeadlineExceeded { .. })),
        "{looped:?}"
    );

    // What fails again and again may be given a pause before it comes back.
    let verdict = loop {
        match running.instance.filter(&draft("calls", "b"), SOON).await {
            Err(CallError::BackingOff { retry_in, .. }) => tokio::time::sleep(retry_in).await,
            answer => break answer.unwrap(),
        }
    };
    assert!(
        matches!(&verdict, Verdict::Replace(content) if content.body == "1"),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_webhook_passes_what_it_is_given() {
    let running = Running::started("everything", "").await;
    let request = |path: &str| mortise_runtime::types::WebhookRequest {
        method: "PUT".to_owned(),
        path: path.to_owned(),
        query: Some("x=1".to_owned()),
        headers: Vec::new(),
        body: vec![0, 255, 10],
        client: "192.0.2.1".to_owned(),
        scheme: "http".to_owned(),
        host: "localhost".to_owned(),
        base_path: "/plugin/1/custom/t/".to_owned(),
    };
    let echo = running.instance.webhook(request("echo")).await.unwrap();
    let echoed: mortise_runtime::types::WebhookRequest =
        serde_json::from_slice(&echo.body).unwrap();
    assert_eq!(echoed, request("echo"));
    let answer = running
        .instance
        .webhook(request("status/418"))
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body), (418, vec![0, 255, 10]));
    let answer = running.instance.webhook(request("status/99")).await;
    assert!(
        matches!(answer, Err(CallError::BadAnswer { .. })),
        "{answer:?}"
    );
}
