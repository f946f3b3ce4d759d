//! The administrator's grants, given to a running server on the command line,
//! which passes them on to the API.

use std::process::Output;

use mortise_runtime::Digest;
use mortise_tests::server::run;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Rig, data,
    fixture::{
        FILTER, READ_ALL, SEND, TIMERS, WEBHOOK, echoing, listening, plugin, sending, titling,
    },
    install, until,
};

impl Rig {
    /// Runs `mortise plugin` on this server's data directory.
    async fn shell(&self, arguments: &[&str]) -> Output {
        let data = self.server.state().config.data_dir.clone();
        let mut all = vec!["plugin".to_owned()];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        all.extend(["--data-dir".to_owned(), data.display().to_string()]);
        // Not here: the server runs on this thread.
        let output = tokio::task::spawn_blocking(move || run(all));
        output.await.unwrap()
    }

    async fn says(&self, arguments: &[&str]) -> String {
        let output = self.shell(arguments).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.says(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&text).unwrap()
    }

    async fn refuses(&self, arguments: &[&str]) -> String {
        let output = self.shell(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        text.replace('│', " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    async fn hooked(&self, id: &str) -> u16 {
        let slot = self.slot(id).await;
        let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
        self.request(Method::POST, &hook, "hello").await.0.as_u16()
    }
}

#[tokio::test]
async fn what_is_granted_and_taken_back_has_effect_at_once() {
    let wants = [SEND, WEBHOOK, TIMERS];
    let data = data(&[("a", plugin("a", &wants, &[echoing()]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    assert_eq!(rig.hooked("a").await, 403);
    let text = rig.says(&["grants", "a"]).await;
    assert!(text.contains("by each user who enables it"), "{text}");
    assert!(
        text.contains("the administrator allows it nothing"),
        "{text}"
    );

    let text = rig.says(&["grant", "a", "--webhook"]).await;
    assert_eq!(text, "a is allowed now; it has effect now:\n  webhook\n");
    assert_eq!(rig.hooked("a").await, 200);
    let limits = ["grant", "a", "--limit", "call-ms=2000", "--as-asked"];
    let rights = rig.json(&limits).await;
    assert_eq!(rights["allowed"]["limits"]["call-ms"], 2000);
    assert_eq!(rights["allowed"]["timers"], true);
    let text = rig.says(&["grants", "a"]).await;
    assert!(text.contains("  limits: call-ms 2000\n"), "{text}");
    let rights = rig.json(&["grant", "a", "--limit", "call-ms="]).await;
    assert_eq!(rights["allowed"]["limits"]["call-ms"], 10_000);

    let text = rig.says(&["revoke", "a", "--webhook"]).await;
    assert!(text.ends_with(":\n  timers\n"), "{text}");
    assert_eq!(rig.hooked("a").await, 403);
    let rights = rig.json(&["revoke", "a", "--all"]).await;
    assert_eq!(rights["allowed"]["timers"], false);
    assert_eq!(
        rig.json(&["grants", "a"]).await["allowed"],
        rights["allowed"]
    );

    // The plugin itself finds that a permission has no grant.
    rig.says(&["grant", "later", "--http", "https://x.org"])
        .await;
    for (arguments, says) in [
        (&["grant", "later", "--as-asked"][..], "no plugin `later`"),
        (
            &["grant", "a", "--limit", "nonsense=1"],
            "unknown field `nonsense`",
        ),
        (&["grant", "a"], "nothing to grant"),
        (&["revoke", "a"], "nothing to revoke"),
        (&["revoke", "a", "--timers"], "has no such grant"),
        (&["denials", "later"], "no plugin `later`"),
        (&["approve", "a"], "waits"),
        (&["approve", "later"], "no plugin `later`"),
    ] {
        let text = rig.refuses(arguments).await;
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
    let actions: Vec<_> = rig.audited().await.into_iter().skip(2).collect();
    assert_eq!(
        actions,
        [
            "command line ada: granted a",
            "command line ada: granted a",
            "command line ada: limits changed a",
            "command line ada: limits changed a",
            "command line ada: revoked a",
            "command line ada: revoked a",
            "command line ada: granted later",
        ]
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_version_that_waits_is_shown_and_approved() {
    let version = |wants: &[_], title| plugin("a", wants, &[titling(title), echoing()]);
    let data = data(&[("a", version(&[FILTER], "one"))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    assert_eq!(
        rig.says(&["pending"]).await,
        "nothing waits for your approval\n"
    );
    let two = version(&[FILTER, WEBHOOK], "two");
    install(data.path(), &[("a", two.clone())]);
    until("pending", async || {
        rig.json(&["pending"]).await != json!([])
    })
    .await;
    let text = rig.says(&["pending"]).await;
    assert!(text.contains("  + webhook: so that"), "{text}");
    assert!(text.contains("mortise plugin approve a\n"), "{text}");
    let pending = rig.json(&["pending"]).await;
    assert_eq!(
        pending[0]["version"]["digest"],
        Digest::of(&two).to_string()
    );
    assert_eq!(rig.conditions("a").await, ["pending_approval"]);
    let text = rig.says(&["list"]).await;
    assert!(text.contains("a version waits for approval"), "{text}");
    assert_eq!(rig.stored("backup", "done").await.title, "one");

    let text = rig.says(&["approve", "a"]).await;
    assert_eq!(
        text,
        "a 1.0.0 runs, with the permissions that it asked for\n"
    );
    assert_eq!(rig.stored("backup", "done").await.title, "two");
    assert_eq!(rig.hooked("a").await, 200);
    install(
        data.path(),
        &[("a", version(&[FILTER, WEBHOOK, TIMERS], "three"))],
    );
    until("pending", async || {
        rig.json(&["pending"]).await != json!([])
    })
    .await;
    rig.json(&["approve", "a", "--without"]).await;
    assert_eq!(rig.stored("backup", "done").await.title, "three");
    assert_eq!(rig.json(&["pending"]).await, json!([]));
    rig.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_counted_and_what_a_user_agrees_to_grows_by_their_word() {
    let data = data(&[("a", plugin("a", &[WEBHOOK], &[sending()]))]);
    let rig = Rig::start(data.path()).await;
    rig.says(&["grant", "a", "--as-asked"]).await;
    rig.enable("a").await;
    assert_eq!(rig.says(&["denials", "a"]).await, "it has no denials\n");
    assert_eq!(rig.hooked("a").await, 500);
    assert_eq!(rig.hooked("a").await, 500);
    let denials = rig.json(&["denials", "a"]).await;
    assert_eq!(denials.as_array().unwrap().len(), 1, "{denials}");
    assert_eq!(denials[0]["permission"], "send-messages");
    assert_eq!(denials[0]["user"], "ada");
    assert_eq!(denials[0]["count"], 2);
    let text = rig.says(&["denials", "a"]).await;
    assert!(text.contains("send-messages"), "{text}");

    // A version that asks its user for more goes without, until they agree.
    let more = plugin(
        "a",
        &[WEBHOOK, SEND, READ_ALL],
        &[sending(), listening('!')],
    );
    let digest = Digest::of(&more).to_string();
    install(data.path(), &[("a", more)]);
    until("replaced", async || {
        rig.json(&["status", "a"]).await["digest"] == digest
    })
    .await;
    // Users' slots move one after the other once the version is noted.
    until("its user was asked for more", async || {
        let conditions = rig.conditions("a").await;
        conditions.contains(&"consent_missing".to_owned())
    })
    .await;
    assert_eq!(rig.hooked("a").await, 500);
    let text = rig.says(&["enable", "a"]).await;
    assert!(text.contains("send-messages"), "{text}");
    assert_eq!(rig.hooked("a").await, 200);
    assert!(
        !rig.conditions("a")
            .await
            .contains(&"consent_missing".to_owned())
    );
    let again = rig.refuses(&["enable", "a"]).await;
    assert!(again.contains("already enabled"), "{again}");
    rig.stop().await;
}
