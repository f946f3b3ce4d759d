//! Components in Go: the example `go-feed` against a server on loopback, and
//! the peculiarities of the language's runtime, with the conformance plugin.

use std::time::Duration;

use mortise_runtime::{
    CallError,
    types::{Message, Schedule, Verdict},
};
use mortise_tests::guests;

use crate::{Running, draft, plugins::SOON, receiver::Receiver};

fn feed(entries: &[(&str, &str)]) -> String {
    let entries: String = entries
        .iter()
        .map(|(id, title)| {
            format!("<entry><id>{id}</id><title>{title}</title><link href=\"https://example.org/{id}\"/></entry>")
        })
        .collect();
    format!(
        "200 OK\r\netag: \"7\"\r\n\r\n<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>News</title>{entries}</feed>"
    )
}

#[tokio::test]
async fn feeds_are_read_on_a_timer_and_what_is_new_is_sent() {
    let receiver = Receiver::new(vec![
        feed(&[("1", "first")]),
        feed(&[("3", "third"), ("2", "second"), ("1", "first")]),
        "304 Not Modified".to_owned(),
        "200 OK\r\n\r\n<rss><channel><title>Status</title><item><guid>4</guid><title>down</title><link>https://example.org/4</link></item></channel></rss>".to_owned(),
        "200 OK\r\n\r\nno feed".to_owned(),
    ])
    .await;
    let url = receiver.url("/atom.xml");
    let config = format!("minutes: 5\npriority: 3\nfeeds: [{{url: '{url}'}}]\n");
    let running = Running::of(&guests::authored("examples/go-feed"), &config, |_| {}).await;
    running.instance.start().await.unwrap();
    let timers: Vec<_> = running.host.kept().timers.into_iter().collect();
    assert_eq!(
        timers,
        [("poll".to_owned(), Schedule::EveryMs(5 * 60 * 1000).into())]
    );

    for _ in 0..5 {
        running.instance.on_timer("poll").await.unwrap();
    }
    let sent: Vec<_> = running
        .host
        .kept()
        .sent
        .into_iter()
        .map(|(message, _)| (message.content.title, message.content.body))
        .collect();
    assert_eq!(
        sent,
        [
            ("News", "second\nhttps://example.org/2"),
            ("News", "third\nhttps://example.org/3"),
            ("Status", "down\nhttps://example.org/4"),
        ]
        .map(|(title, body)| (title.to_owned(), body.to_owned()))
    );
    let asked = receiver.asked();
    assert!(
        !asked[0].head.contains("if-none-match"),
        "{}",
        asked[0].head
    );
    assert!(
        asked[1].head.contains("if-none-match: \"7\""),
        "{}",
        asked[1].head
    );
    let page = running.instance.display(None).await.unwrap();
    assert!(page.contains("this is no feed"), "{page}");
    assert!(running.logged().contains("this is no feed"));
}

#[tokio::test]
async fn a_feed_on_a_host_that_was_not_granted_is_shown_as_such() {
    let receiver = Receiver::new(vec![feed(&[])]).await;
    let config = format!("feeds: [{{url: '{}'}}]\n", receiver.url("/"));
    let file = guests::authored("examples/go-feed");
    let running = Running::of(&file, &config, |grants| grants.host.http.clear()).await;
    running.instance.start().await.unwrap();
    running.instance.on_timer("poll").await.unwrap();
    let page = running.instance.display(None).await.unwrap();
    assert!(
        page.contains("denied") && page.contains(&receiver.address.to_string()),
        "{page}"
    );
    assert!(receiver.asked().is_empty());
}

/// Has the conformance plugin do a command; the answer, or the error as text.
async fn tell(running: &Running, command: &str) -> Result<String, String> {
    match running.instance.filter(&draft(command, "b"), SOON).await {
        Ok(Verdict::Replace(content)) => Ok(content.body),
        Ok(verdict) => panic!("{command}: {verdict:?}"),
        Err(error) => Err(error.to_string()),
    }
}

async fn everything() -> Running {
    let file = guests::authored("tests/conformance/plugins/go");
    let running = Running::of(&file, "", |_| {}).await;
    running.instance.start().await.unwrap();
    running
}

/// The host writes into Go's memory while Go's collector may not run: many
/// calls, with more than the collector's first threshold of garbage.
#[tokio::test]
async fn memory_that_the_host_asks_for_survives_collections() {
    let running = everything().await;
    let long = "x".repeat(60_000);
    for round in 0..200 {
        let command = format!("store {} {long}{round}", round % 7);
        running.instance.on_timer(&command).await.unwrap();
        let loaded = tell(&running, &format!("load {}", round % 7)).await;
        assert_eq!(loaded.unwrap(), format!("{long}{round}"));
        let several: Vec<_> = (0..64)
            .map(|id| Message {
                id,
                application: draft("", "").application,
                content: draft(&format!("say {round} {long}"), "b").content,
                created_ms: 0,
            })
            .collect();
        if round % 20 == 0 {
            running.instance.on_messages(&several).await.unwrap();
        }
    }
    let sent = tell(&running, "send-long 1000 60000").await.unwrap();
    let found = tell(&running, &format!("get {sent}")).await.unwrap();
    assert!(found.contains(&"x".repeat(60_000)));
}

#[tokio::test]
async fn a_panic_shows_the_functions_it_went_through() {
    let running = everything().await;
    let crash = running
        .instance
        .filter(&draft("panic on purpose", "b"), SOON)
        .await;
    let Err(CallError::Crashed { details, .. }) = &crash else {
        panic!("{crash:?}")
    };
    for part in [
        "main.misbehave",
        "main.(*Everything).run",
        "sdk/exports.go:",
    ] {
        assert!(details.contains(part), "{part} in {details}");
    }
    assert!(running.logged().contains("panic: on purpose"));
    assert_eq!(tell(&running, "calls").await.unwrap(), "1");
}

#[tokio::test]
async fn comes_back_after_what_ends_it() {
    for (command, words) in [
        // WASI 0.2 knows of success and failure only.
        ("exit 3", "exit(1)"),
        ("allocate", "bytes of memory"),
        ("recurse", "crashed"),
    ] {
        let running = everything().await;
        let error = tell(&running, command).await.unwrap_err();
        assert!(error.contains(words), "{command}: {error}");
        assert_eq!(tell(&running, "calls").await.unwrap(), "1", "{command}");
    }
    let running = everything().await;
    let soon = Duration::from_millis(300);
    let looped = running.instance.filter(&draft("loop", "b"), soon).await;
    assert!(
        matches!(looped, Err(CallError::DeadlineExceeded { .. })),
        "{looped:?}"
    );
}
