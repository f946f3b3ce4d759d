//! Grants that change while the server runs, and versions that wait for one.

use mortise_runtime::grants::HostGrants;
use mortise_server::{
    auth::Actor,
    plugins::{Approval, PluginState, Status, Upload, Waiting},
};

use crate::{
    Rig, data,
    fixture::{
        FILTER, READ_ALL, READ_BACKUP, TIMERS, WEBHOOK, echoing, listening, plugin, ticking,
        titling,
    },
    grant, install, said, until,
};

const BY: Actor = Actor::Server;

fn one() -> Vec<u8> {
    plugin("a", &[FILTER], &[titling("one")])
}

/// Asks to be reachable, which the first version did not.
fn two() -> Vec<u8> {
    plugin("a", &[FILTER, WEBHOOK], &[titling("two"), echoing()])
}

const LINE: &str = "+ webhook: so that the test can see it";

impl Rig {
    fn status(&self, id: &str) -> Status {
        self.server.state().plugins.status(id).unwrap()
    }

    /// Returns the new permissions of a plugin's pending version; none if no
    /// version is pending.
    fn waiting(&self, id: &str) -> Vec<String> {
        match self.status(id).waiting {
            Some(Waiting::Pending { difference, .. }) => difference.lines,
            Some(waiting) => panic!("{waiting:?}"),
            None => Vec::new(),
        }
    }

    async fn hook(&self, id: &str) -> u16 {
        let slot = self.slot(id).await;
        let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
        self.get(&hook).await.0.as_u16()
    }
}

#[tokio::test]
async fn a_version_that_asks_for_more_waits_while_the_one_before_goes_on() {
    let data = data(&[("a", one())]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    let before = rig.status("a").digest;
    install(data.path(), &[("a", two())]);
    until("pending", async || !rig.waiting("a").is_empty()).await;
    assert_eq!(rig.waiting("a"), [LINE]);
    let plugins = &rig.server.state().plugins;
    let pending = plugins.pending();
    assert_eq!((pending.len(), pending[0].id.as_str()), (1, "a"));
    assert_eq!(pending[0].difference.lines, [LINE]);
    assert_eq!(rig.status("a").digest, before);
    // Once the new file is put away.
    until("going on", async || {
        matches!(rig.status("a").state, PluginState::Loaded { instances: 1 })
    })
    .await;
    assert_eq!(rig.title().await, "one");
    assert_eq!(rig.hook("a").await, 404);
    rig.stop().await;

    // It waits on after a restart.
    let rig = Rig::start(data.path()).await;
    let plugins = &rig.server.state().plugins;
    assert_eq!(rig.waiting("a"), [LINE]);
    assert_eq!(rig.title().await, "one");
    let status = plugins.approve("a", Approval::AsAsked, &BY).await.unwrap();
    assert_eq!((status.waiting, status.digest != before), (None, true));
    assert_eq!(rig.title().await, "two");
    assert_eq!(rig.hook("a").await, 200);
    assert!(plugins.grants_of("a").grants.webhook);
    assert!(plugins.pending().is_empty());
    assert!(plugins.approve("a", Approval::AsAsked, &BY).await.is_err());
    let text = std::fs::read_to_string(data.path().join("grants.toml")).unwrap();
    assert!(text.contains("webhook = true"), "{text}");
    rig.stop().await;
}

#[tokio::test]
async fn what_was_denied_once_is_not_asked_again() {
    let data = data(&[("a", one())]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    let plugins = &rig.server.state().plugins;
    let status = plugins
        .install(Upload::of(&data.path().join("plugins/a.wasm")), &BY)
        .await
        .unwrap();
    assert_eq!(status.waiting, None);
    install(data.path(), &[("a", two())]);
    until("pending", async || !rig.waiting("a").is_empty()).await;
    plugins.approve("a", Approval::Without, &BY).await.unwrap();
    assert_eq!(rig.title().await, "two");
    assert_eq!(rig.hook("a").await, 403);
    assert!(!plugins.grants_of("a").grants.webhook);

    // The next one asks the same and starts by itself, also after one that did
    // not ask, and after a restart.
    install(data.path(), &[("a", one())]);
    until("one again", async || rig.title().await == "one").await;
    rig.stop().await;
    let three = plugin("a", &[FILTER, WEBHOOK], &[titling("three"), echoing()]);
    install(data.path(), &[("a", three)]);
    let rig = Rig::start(data.path()).await;
    assert_eq!(rig.title().await, "three");
    let four = plugin("a", &[FILTER, WEBHOOK, TIMERS], &[titling("four")]);
    install(data.path(), &[("a", four)]);
    until("pending", async || !rig.waiting("a").is_empty()).await;
    assert_eq!(rig.waiting("a"), ["+ timers: so that the test can see it"]);
    rig.stop().await;
}

#[tokio::test]
async fn the_file_is_taken_up_while_the_server_runs() {
    let data = data(&[("a", one())]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    install(data.path(), &[("a", two())]);
    until("pending", async || !rig.waiting("a").is_empty()).await;
    // A mistake changes nothing and is reported.
    grant(data.path(), &["a"], "webhok = true");
    let plugins = &rig.server.state().plugins;
    until("reported", async || plugins.grants_problem().is_some()).await;
    assert_eq!(rig.waiting("a"), [LINE]);
    // The pending version's permissions are granted, and it starts by itself.
    grant(data.path(), &["a"], "webhook = true");
    until("granted", async || rig.hook("a").await == 200).await;
    assert_eq!(plugins.grants_problem(), None);
    assert_eq!(rig.title().await, "two");
    grant(data.path(), &["a"], "");
    until("revoked", async || rig.hook("a").await == 403).await;
    rig.stop().await;
}

#[tokio::test]
async fn grants_and_limits_are_changed_by_order() {
    let data = data(&[("a", two())]);
    std::fs::write(data.path().join("grants.toml"), "# Ours.\n").unwrap();
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    let plugins = &rig.server.state().plugins;
    let webhook = HostGrants {
        webhook: true,
        ..HostGrants::default()
    };
    assert_eq!(rig.hook("a").await, 403);
    plugins.grant("a", &webhook, &BY).await.unwrap();
    assert_eq!(rig.hook("a").await, 200);
    assert_eq!(plugins.grant_record("a").await.unwrap().asked.len(), 2);
    plugins.revoke("a", &webhook, &BY).await.unwrap();
    assert_eq!(rig.hook("a").await, 403);
    let error = plugins.revoke("a", &webhook, &BY).await.unwrap_err();
    assert!(error.to_string().contains("has no such grant"), "{error}");
    let limits = vec![("call-ms".to_owned(), Some(77))];
    plugins.set_limits("a", limits, &BY).await.unwrap();
    assert_eq!(plugins.grants_of("a").limits.call_ms, 77);
    let text = std::fs::read_to_string(data.path().join("grants.toml")).unwrap();
    assert!(text.contains("# Ours."), "{text}");
    rig.stop().await;
}

#[tokio::test]
async fn what_a_user_agreed_to_does_not_grow_with_a_new_version() {
    let reading = |wants| plugin("a", &[wants], &[listening('!')]);
    let data = data(&[("a", reading(READ_BACKUP))]);
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("a").await;
    rig.stored("backup", "first").await;
    until("given", async || said(&slot) == ["first"]).await;
    let before = rig.status("a").digest;
    install(data.path(), &[("a", reading(READ_ALL))]);
    until("taken up", async || rig.status("a").digest != before).await;
    // Its own application is not what its user consented to.
    rig.stored("alarms", "private").await;
    rig.stored("backup", "second").await;
    until("given", async || said(&slot) == ["first", "second"]).await;
    let asked = rig.shown("a").await["permissions"][0].clone();
    assert_eq!(asked["granted"], false, "{asked}");
    rig.stop().await;

    let rig = Rig::start(data.path()).await;
    let slot = rig.slot("a").await;
    rig.stored("alarms", "private").await;
    rig.stored("backup", "third").await;
    until("given", async || said(&slot) == ["third"]).await;
    rig.server.state().plugins.consent(&slot).await.unwrap();
    assert_eq!(rig.shown("a").await["permissions"][0]["granted"], true);
    rig.stored("alarms", "shared").await;
    until("given", async || said(&slot) == ["third", "shared"]).await;
    rig.stop().await;
}

#[tokio::test]
async fn what_is_taken_back_is_denied_and_counted_whatever_version_runs() {
    let data = data(&[("a", two())]);
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("a").await;
    let plugins = &rig.server.state().plugins;
    let counted = || {
        let denied = plugins.denials("a");
        let of = denied.iter().filter(|(_, d)| d.permission == "webhook");
        of.map(|(user, denial)| (user.clone(), denial.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(rig.hook("a").await, 403);
    let webhook = HostGrants {
        webhook: true,
        ..HostGrants::default()
    };
    plugins.grant("a", &webhook, &BY).await.unwrap();
    assert_eq!(rig.hook("a").await, 200);
    plugins.revoke("a", &webhook, &BY).await.unwrap();
    assert_eq!(rig.hook("a").await, 403);
    // A grant ends the denials before it.
    assert_eq!(counted(), [("ada".to_owned(), 1)]);
    let before = rig.status("a").digest;
    let other = plugin("a", &[FILTER, WEBHOOK], &[titling("other"), echoing()]);
    install(data.path(), &[("a", other)]);
    until("taken up", async || rig.status("a").digest != before).await;
    assert_eq!(rig.hook("a").await, 403);
    assert_eq!(counted(), [("ada".to_owned(), 2)]);
    let (_, text) = rig.get(&format!("/plugin/{}/denials", slot.id)).await;
    let denials: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(denials[0]["count"], 2, "{text}");
    rig.stop().await;
}

#[tokio::test]
async fn timers_rest_while_they_are_not_granted() {
    let hourly = |id| plugin(id, &[TIMERS], &[ticking(Some((0, 3_600_000)))]);
    let data = data(&[("t", hourly("t")), ("other", hourly("other"))]);
    grant(data.path(), &["t", "other"], "timers = true");
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("t").await;
    let other = rig.enable("other").await;
    let plugins = &rig.server.state().plugins;
    rig.hours_pass(&slot).await;
    let timers = HostGrants {
        timers: true,
        ..HostGrants::default()
    };
    plugins.revoke("t", &timers, &BY).await.unwrap();
    let before = said(&slot).len();
    rig.hours_pass(&other).await;
    assert_eq!(said(&slot).len(), before);
    plugins.grant("t", &timers, &BY).await.unwrap();
    rig.hours_pass(&slot).await;
    rig.stop().await;
}

#[tokio::test]
async fn the_body_of_a_webhook_is_bounded_as_is_set_now() {
    let data = data(&[("a", two())]);
    grant(data.path(), &["a"], "webhook = true");
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("a").await;
    let plugins = &rig.server.state().plugins;
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    let post = async || {
        let answer = rig
            .request(reqwest::Method::POST, &hook, "0123456789")
            .await;
        answer.0.as_u16()
    };
    assert_eq!(post().await, 200);
    let limit = |bytes| vec![("webhook-body-bytes".to_owned(), bytes)];
    plugins.set_limits("a", limit(Some(9)), &BY).await.unwrap();
    assert_eq!(post().await, 413);
    plugins.set_limits("a", limit(None), &BY).await.unwrap();
    assert_eq!(post().await, 200);
    rig.stop().await;
}
