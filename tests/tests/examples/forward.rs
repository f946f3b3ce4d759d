//! The example `forward` against a server on loopback.

use mortise_runtime::Grants;

use crate::{Running, message, receiver::Receiver};

fn config(url: &str) -> String {
    format!("{{url: '{url}', headers: {{Authorization: Bearer t}}}}")
}

/// Only these hosts.
fn only<'a>(hosts: impl IntoIterator<Item = &'a Receiver>) -> impl FnOnce(&mut Grants) {
    let hosts = hosts
        .into_iter()
        .map(|receiver| receiver.address.to_string().parse().unwrap())
        .collect();
    |grants| grants.http = hosts
}

#[tokio::test]
async fn posts_each_message_and_goes_on_where_it_failed() {
    let answers = ["200 OK", "503 Unavailable", "200 OK"].map(str::to_owned);
    let receiver = Receiver::new(answers.to_vec()).await;
    let running = Running::with(
        "forward",
        &config(&receiver.url("/hook")),
        only([&receiver]),
    )
    .await;
    running.instance.start().await.unwrap();
    let batch = [message(1, "a"), message(2, "b")];

    let error = running.instance.on_messages(&batch).await.unwrap_err();
    assert!(error.to_string().contains("status 503"), "{error}");
    running.instance.on_messages(&batch).await.unwrap();

    let asked = receiver.asked();
    let titles: Vec<_> = asked
        .iter()
        .map(|asked| {
            assert!(
                asked.head.starts_with("POST /hook HTTP/1.1"),
                "{}",
                asked.head
            );
            assert!(
                asked.head.contains("authorization: Bearer t"),
                "{}",
                asked.head
            );
            let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
            assert_eq!(body["application"], "backup");
            body["title"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(titles, ["a", "b", "b"]);
}

#[tokio::test]
async fn a_redirect_is_followed_to_a_host_that_was_granted_without_credentials() {
    let target = Receiver::new(vec!["200 OK".to_owned()]).await;
    let answer = format!("307 Moved\r\nlocation: {}", target.url("/there"));
    let first = Receiver::new(vec![answer]).await;
    let running = Running::with("forward", &config(&first.url("/")), only([&first, &target])).await;
    running.instance.start().await.unwrap();
    running
        .instance
        .on_messages(&[message(1, "a")])
        .await
        .unwrap();

    let asked = target.asked();
    assert!(
        asked[0].head.starts_with("POST /there HTTP/1.1"),
        "{}",
        asked[0].head
    );
    assert!(
        !asked[0].head.contains("authorization"),
        "{}",
        asked[0].head
    );
    assert_eq!(asked[0].body, first.asked()[0].body);
}

#[tokio::test]
async fn a_redirect_to_a_host_that_was_not_granted_is_refused() {
    let target = Receiver::new(vec!["200 OK".to_owned()]).await;
    let answer = format!("307 Moved\r\nlocation: {}", target.url("/there"));
    let first = Receiver::new(vec![answer]).await;
    let running = Running::with("forward", &config(&first.url("/")), only([&first])).await;
    running.instance.start().await.unwrap();

    let error = running.instance.on_messages(&[message(1, "a")]).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("denied") && error.contains(&target.address.to_string()),
        "{error}"
    );
    assert!(target.asked().is_empty());
    assert!(running.logged().contains("`http`"), "{}", running.logged());
}

#[tokio::test]
async fn nobody_listening_is_an_error_to_try_again() {
    let url = {
        let gone = Receiver::new(vec!["200 OK".to_owned()]).await;
        gone.url("/")
    };
    let running = Running::new("forward", &config(&url)).await;
    running.instance.start().await.unwrap();
    let error = running.instance.on_messages(&[message(1, "a")]).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("unavailable") && error.contains(&url),
        "{error}"
    );
}
