//! From the constructor to the end: enabling, configuring, storing, users.

use mortise_tests::server::{Data, body, run};
use reqwest::Method;

use super::{Plugin, SECRET, eventually, install, place, programs, refusal, user};

#[tokio::test]
async fn goroutines_send_while_it_is_enabled() {
    let data = Data::new();
    install(&data, "poller", "example.org/poller");
    let server = data.serve().await;
    let poller = Plugin::of_admin(&server, "example.org/poller").await;
    assert_eq!(poller.texts().await, [""; 0]);
    poller.enable().await;
    eventually("many messages", async || poller.texts().await.len() > 20).await;
    poller.disable().await;
    // Disable waited for the goroutines, and their messages are stored.
    let sent = poller.texts().await;
    for part in ["1.0", "1.1", "1.2"] {
        assert!(sent.contains(&format!("poll|{part}")), "{sent:?}");
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(poller.texts().await, sent);
    poller.enable().await;
    eventually("more", async || poller.texts().await.len() > sent.len()).await;
    server.stop().await;
}

#[tokio::test]
async fn users_reach_each_other_through_package_globals() {
    let data = Data::new();
    let id = "example.org/broadcast";
    install(&data, "broadcast", id);
    let server = data.serve().await;
    let ann_id = user(&server, "ann").await;
    user(&server, "bob").await;
    let ann = Plugin::of(&server, id, "ann", SECRET).await;
    let bob = Plugin::of(&server, id, "bob", SECRET).await;
    ann.enable().await;
    bob.enable().await;
    let say = async |plugin: &Plugin<'_>, text: &'static str| {
        let answer = plugin.hook(Method::POST, "say").body(text).send().await;
        answer.unwrap().text().await.unwrap()
    };
    assert_eq!(say(&ann, "hello all").await, r#"{"reached":2}"#);
    assert_eq!(ann.texts().await, ["ann|hello all"]);
    assert_eq!(bob.texts().await, ["ann|hello all"]);

    // Neither sees the other's plugin.
    let others = format!("/plugin/{}/display", ann.id);
    let others = bob.request(Method::GET, &others).send().await.unwrap();
    assert_eq!(refusal(others).await, (404, "unknown plugin".to_owned()));

    // One who is deleted is disabled first.
    let gone = server.admin(Method::DELETE, &format!("/user/{ann_id}"));
    assert_eq!(gone.send().await.unwrap().status(), 200);
    assert_eq!(say(&bob, "who is here").await, r#"{"reached":1}"#);
    server.stop().await;
}

#[tokio::test]
async fn what_is_stored_lasts_and_so_does_being_enabled() {
    let data = Data::new();
    let id = "example.org/counter";
    install(&data, "counter", id);
    let server = data.serve().await;
    let counter = Plugin::of_admin(&server, id).await;
    let again = |already: reqwest::Response| async {
        assert_eq!(
            refusal(already).await,
            (400, "config is already enabled/disabled".to_owned())
        );
    };
    again(counter.order(Method::POST, "disable", "").await).await;
    counter.enable().await;
    again(counter.order(Method::POST, "enable", "").await).await;
    // Nothing was stored, which is no error.
    for expected in [r#"{"count":1}"#, r#"{"count":2}"#] {
        assert_eq!(counter.post("count").await.text().await.unwrap(), expected);
    }
    server.stop().await;

    let server = data.serve().await;
    let counter = Plugin::of_admin(&server, id).await;
    assert!(counter.is_enabled().await);
    let counted = counter.post("count").await;
    assert_eq!(counted.text().await.unwrap(), r#"{"count":3}"#);
    // Another user's is another's.
    user(&server, "ann").await;
    let ann = Plugin::of(&server, id, "ann", SECRET).await;
    ann.enable().await;
    assert_eq!(
        ann.post("count").await.text().await.unwrap(),
        r#"{"count":1}"#
    );
    server.stop().await;
}

const CONFIG: &str = "example.org/config";
const RULED: &str = "# mine\nserverurl: https://push.example.org # untagged\npoll-interval: 5\nrules:\n  - match: disk\n    prio: 8\n";

#[tokio::test]
async fn configuration_is_kept_as_written_and_checked_by_the_plugin() {
    let data = Data::new();
    install(&data, "config", CONFIG);
    let server = data.serve().await;
    let plugin = Plugin::of_admin(&server, CONFIG).await;
    assert_eq!(
        plugin.config().await,
        "serverurl: https://example.org\npoll-interval: 60\nrules: []\n"
    );
    // While it is disabled it is shown and configured.
    assert!(plugin.display().await.contains("Interval:60"));
    let refused = plugin.order(Method::POST, "enable", "").await;
    assert_eq!(
        refusal(refused).await,
        (500, "the plugin answered: add a rule first".to_owned())
    );
    assert!(!plugin.is_enabled().await);

    for (text, expected) in [
        (
            "poll-interval: 0",
            "poll-interval is 0 and must be at least 1",
        ),
        ("rules: [", "yaml"),
        ("poll-interval: soon", "soon"),
    ] {
        let refused = plugin.order(Method::POST, "config", text).await;
        let (status, said) = refusal(refused).await;
        assert_eq!(status, 400, "{text}");
        assert!(said.contains(expected), "{text}: {said}");
    }
    assert!(
        plugin
            .config()
            .await
            .starts_with("serverurl: https://example.org")
    );
    plugin.configure(RULED).await;
    assert_eq!(plugin.config().await, RULED);
    assert!(plugin.display().await.contains(
        "{ServerURL:https://push.example.org Interval:5 Rules:[{Match:disk Priority:8}]}"
    ));
    plugin.enable().await;

    // What Disable answers leaves it enabled.
    let refused = plugin.order(Method::POST, "disable", "").await;
    assert_eq!(
        refusal(refused).await,
        (500, "the plugin answered: cannot be stopped".to_owned())
    );
    assert!(plugin.is_enabled().await);
    server.stop().await;

    // The order of v1, and the configuration with which it is set up.
    let server = data.serve().await;
    let plugin = Plugin::of_admin(&server, CONFIG).await;
    let shown = plugin.display().await;
    let calls: Vec<&str> = shown.lines().skip(1).collect();
    let registered = format!("RegisterWebhook {}", plugin.base());
    assert_eq!(
        calls,
        [
            "NewGotifyPluginInstance",
            "SetMessageHandler",
            "SetStorageHandler",
            "ValidateAndSetConfig 5",
            &registered,
            "Enable",
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_stored_configuration_that_is_refused_at_start_is_kept_as_comments() {
    let data = Data::new();
    install(&data, "config", CONFIG);
    let server = data.serve().await;
    let plugin = Plugin::of_admin(&server, CONFIG).await;
    plugin.configure(RULED).await;
    plugin.enable().await;
    server.stop().await;

    // A later version of the plugin, to which the interval is too short.
    place(&data, "config-strict", "config");
    let server = data.serve().await;
    let plugin = Plugin::of_admin(&server, CONFIG).await;
    assert!(!plugin.is_enabled().await);
    let config = plugin.config().await;
    assert!(
        config.contains("poll-interval is 5 and must be at least 50"),
        "{config}"
    );
    assert!(config.contains("#   poll-interval: 5\n"), "{config}");
    assert!(
        config.ends_with("\npoll-interval: 60\nrules: []\n"),
        "{config}"
    );
    assert!(plugin.display().await.contains("Interval:60"));
    server.stop().await;
}

#[tokio::test]
async fn one_users_constructor_that_panics_harms_no_other_user() {
    let data = Data::new();
    let id = "github.com/example/gotify-webhook";
    install(&data, "webhook", id);
    let server = data.serve().await;
    user(&server, "boom").await;
    let broken = Plugin::of(&server, id, "boom", SECRET).await;
    let (status, said) = refusal(broken.order(Method::POST, "enable", "").await).await;
    assert_eq!(status, 500);
    assert!(said.contains("no plugin for boom"), "{said}");
    let admin = Plugin::of_admin(&server, id).await;
    admin.enable().await;
    assert_eq!(admin.get("accept").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn one_that_prints_and_catches_signals_is_captured_and_ends() {
    let data = Data::new();
    let id = "example.org/signals";
    install(&data, "signals", id);
    let server = data.serve().await;
    let plugin = Plugin::of_admin(&server, id).await;
    plugin.enable().await;
    // Its output looks like the protocol, but is not.
    eventually("its output", async || {
        let log = plugin.log().await;
        log.contains("made for admin") && log.contains(r#"{\"type\":\"reply\",\"id\":1"#)
    })
    .await;
    plugin.disable().await;
    plugin.enable().await;
    // It swallows SIGTERM; the server ends with it all the same.
    server.stop().await;
}

/// A service: a process that its manager starts again whenever it has ended.
struct Service {
    command: std::process::Command,
    process: std::process::Child,
}

impl Service {
    /// A program with variables as `mortise plugin attach` prints them.
    fn start(program: &std::path::Path, variables: &str) -> Self {
        let mut command = std::process::Command::new(program);
        command.stdin(std::process::Stdio::null());
        for line in variables.lines() {
            let (name, value) = line.split_once('=').unwrap();
            command.env(name, value.trim_matches('\''));
        }
        let process = command.spawn().unwrap();
        Self { command, process }
    }

    fn keep(&mut self) {
        if self.process.try_wait().unwrap().is_some() {
            self.process = self.command.spawn().unwrap();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_service_is_the_plugin_after_each_start_of_the_server_and_with_each_version() {
    let data = Data::new();
    let id = "example.org/counter";
    install(&data, "counter", id);
    let server = data.serve().await;
    let path = data.path().to_str().unwrap().to_owned();
    let attach = |how: &str| run(["plugin", "attach", "counter", how, "--data-dir", &path]);
    let nothing = attach("--end");
    let said = String::from_utf8_lossy(&nothing.stderr).into_owned();
    assert!(
        said.contains("`mortise plugin attach example.org/counter --lasting` makes one"),
        "{said}"
    );
    Plugin::of_admin(&server, id).await.enable().await;
    let file = attach("--lasting");
    assert!(file.status.success(), "{file:?}");
    let variables = String::from_utf8(file.stdout).unwrap();
    assert!(variables.starts_with("MORTISE_SOCKET='"), "{variables}");
    assert_eq!(attach("--lasting").stdout, variables.as_bytes());
    let reload = ["plugin", "reload", "counter", "--data-dir", &path];
    server.stop().await;

    let program = programs().join("counter");
    let mut service = Service::start(&program, &variables);
    let server = data.serve().await;
    let took_over = async || {
        let path = format!("/admin/plugins/{}/log", id.replace('/', "%2F"));
        let log = server.admin(Method::GET, &path).send().await.unwrap();
        body(log).await.to_string().matches("took over").count()
    };
    eventually("the service", async || {
        service.keep();
        took_over().await == 1
    })
    .await;
    let counter = Plugin::of_admin(&server, id).await;
    let answer = counter.post("count").await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());

    // The plugin is loaded anew: the service ends with its connection, and is the
    // new one.
    let first = service.process.id();
    assert!(run(reload).status.success());
    eventually("the service after a reload", async || {
        service.keep();
        service.process.id() != first && took_over().await == 2
    })
    .await;
    let answer = counter.post("count").await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());

    assert!(attach("--end").status.success());
    assert!(!attach("--end").status.success());
    server.stop().await;
}

#[tokio::test]
async fn a_process_that_is_started_by_hand_takes_the_plugins_place() {
    let data = Data::new();
    let id = "example.org/counter";
    install(&data, "counter", id);
    let server = data.serve().await;
    let path = data.path().to_str().unwrap();
    let attach = ["plugin", "attach", id, "--data-dir", path];
    let refused = run(attach);
    assert!(!refused.status.success(), "nobody uses it: {refused:?}");
    let counter = Plugin::of_admin(&server, id).await;
    counter.enable().await;

    let exports = run(attach);
    assert!(exports.status.success(), "{exports:?}");
    let exports = String::from_utf8(exports.stdout).unwrap();
    let program = programs().join("counter");
    let said = async |text: &str| {
        let path = format!("/admin/plugins/{}/log", id.replace('/', "%2F"));
        let log = server.admin(Method::GET, &path).send().await.unwrap();
        body(log).await.to_string().matches(text).count()
    };
    // With the same variables it may be killed and started again at will.
    for _ in 0..2 {
        let before = (said("took over").await, said("by hand left").await);
        let mut by_hand = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("{exports}exec '{}'", program.display()))
            .stdin(std::process::Stdio::null())
            .spawn()
            .unwrap();
        eventually("a process that took over", async || {
            said("took over").await > before.0
        })
        .await;
        assert_eq!(counter.post("count").await.status(), 200);
        by_hand.kill().unwrap();
        by_hand.wait().unwrap();
        eventually("a process that left", async || {
            said("by hand left").await > before.1
        })
        .await;
    }
    eventually("the plugin's own", async || {
        counter.post("count").await.status() == 200
    })
    .await;
    server.stop().await;
}
