//! Enabling, disabling and configuring: Gotify's statuses and texts, and
//! nothing that one plugin does stops the server.

use mortise_server::auth::Actor;
use reqwest::Method;

use crate::{
    PASSWORD, Rig, data,
    fixture::{FILTER, WEBHOOK, configured, echoing, living, plugin, showing, titling},
    grant, install,
};

fn description(text: &str) -> String {
    let error: serde_json::Value = serde_json::from_str(text).unwrap();
    error["errorDescription"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn enabling_what_is_enabled_is_an_error() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("a")]))]);
    let rig = Rig::start(data.path()).await;
    let slot = rig.slot("a").await;
    for (action, expected) in [
        ("disable", 400),
        ("enable", 200),
        ("enable", 400),
        ("disable", 200),
    ] {
        let (status, text) = rig.post(&slot, action, "").await;
        assert_eq!(status, expected, "{action}: {text}");
        if expected == 400 {
            assert_eq!(description(&text), "config is already enabled/disabled");
        }
    }
    for path in ["/plugin/999/enable", "/plugin/999/disable"] {
        let (status, text) = rig.request(Method::POST, path, "").await;
        assert_eq!(
            (status.as_u16(), description(&text).as_str()),
            (404, "unknown plugin")
        );
    }
    let (status, _) = rig.request(Method::POST, "/plugin/x/enable", "").await;
    assert_eq!(status, 400);
    rig.stop().await;
}

#[tokio::test]
async fn a_plugin_is_its_users_alone() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("a")]))]);
    let rig = Rig::start(data.path()).await;
    let state = rig.server.state();
    let hash = state.passwords.hash(PASSWORD).await.unwrap();
    let bob = state.store.create_user("bob", &hash, false).await.unwrap();
    state.plugins.user_created(bob.id).await;
    let ada = rig.slot("a").await;
    let bobs = state.plugins.of_user(bob.id).await.unwrap();
    assert_eq!(bobs.len(), 1);
    assert_ne!(bobs[0].id, ada.id);
    assert_ne!(bobs[0].token, ada.token);
    let as_bob = async |method, path: String| {
        let url = format!("{}{path}", rig.server.url());
        let request = rig.client.request(method, url);
        let response = request.basic_auth("bob", Some(PASSWORD)).send().await;
        response.unwrap().status().as_u16()
    };
    assert_eq!(
        as_bob(Method::POST, format!("/plugin/{}/enable", ada.id)).await,
        404
    );
    assert_eq!(
        as_bob(Method::POST, format!("/plugin/{}/enable", bobs[0].id)).await,
        200
    );
    assert!(!ada.is_enabled());
    assert_eq!(
        as_bob(Method::GET, "/plugin/problems".to_owned()).await,
        403
    );
    // Ada's messages do not pass Bob's filter.
    assert_eq!(rig.stored("backup", "done").await.title, "plain");
    rig.stop().await;
}

#[tokio::test]
async fn what_a_plugin_answers_to_its_start_and_stop_counts() {
    let data = data(&[
        (
            "moody",
            plugin("moody", &[], &[living(Some("not today"), None)]),
        ),
        (
            "clingy",
            plugin("clingy", &[], &[living(None, Some("stay"))]),
        ),
    ]);
    let rig = Rig::start(data.path()).await;
    let moody = rig.slot("moody").await;
    let (status, text) = rig.post(&moody, "enable", "").await;
    assert_eq!(status, 500);
    assert!(description(&text).contains("not today"), "{text}");
    assert_eq!(rig.shown("moody").await["enabled"], false);

    let clingy = rig.enable("clingy").await;
    let (status, text) = rig.post(&clingy, "disable", "").await;
    assert_eq!(status, 500);
    assert!(description(&text).contains("stay"), "{text}");
    assert_eq!(rig.shown("clingy").await["enabled"], true);
    rig.stop().await;
}

#[tokio::test]
async fn what_does_not_start_at_boot_is_disabled_and_the_rest_starts() {
    let data = data(&[
        ("moody", plugin("moody", &[], &[living(None, None)])),
        ("works", plugin("works", &[FILTER], &[titling("filtered")])),
    ]);
    let rig = Rig::start(data.path()).await;
    rig.enable("moody").await;
    rig.enable("works").await;
    rig.stop().await;
    install(
        data.path(),
        &[(
            "moody",
            plugin("moody", &[], &[living(Some("not today"), None)]),
        )],
    );
    let rig = Rig::start(data.path()).await;
    let shown = rig.shown("moody").await;
    assert_eq!(shown["enabled"], false);
    assert!(
        shown["lastError"].to_string().contains("not today"),
        "{shown}"
    );
    assert_eq!(rig.stored("backup", "done").await.title, "filtered");
    rig.stop().await;
}

#[tokio::test]
async fn a_configuration_is_kept_byte_for_byte_and_a_refused_one_is_not_kept() {
    let parts = [configured('!'), showing()];
    let data = data(&[
        ("a", plugin("a", &[], &parts)),
        ("b", plugin("b", &[], &[])),
    ]);
    let rig = Rig::start(data.path()).await;
    let slot = rig.slot("a").await;
    let path = format!("/plugin/{}/config", slot.id);
    assert_eq!(rig.get(&path).await.1, "level: 1\n");
    let mine = "# mine \r\n\tlevel:  2   \n\n";
    // Also while it is disabled.
    assert_eq!(rig.post(&slot, "config", mine).await.0, 200);
    assert_eq!(rig.get(&path).await.1, mine);
    let (status, text) = rig.post(&slot, "config", "!loud").await;
    assert_eq!(status, 400);
    assert!(description(&text).contains("level: too loud"), "{text}");
    assert_eq!(rig.get(&path).await.1, mine);
    let (status, _) = rig.post(&slot, "config", &"x".repeat((1 << 20) + 1)).await;
    assert_eq!(status, 413);

    let (_, shown) = rig.get(&format!("/plugin/{}/display", slot.id)).await;
    assert_eq!(shown, format!("\"{}\"", rig.server.url()));
    let capabilities = rig.shown("a").await["capabilities"].clone();
    assert_eq!(capabilities, serde_json::json!(["configurer", "displayer"]));
    let other = rig.slot("b").await;
    for what in ["config", "display"] {
        let (status, text) = rig.get(&format!("/plugin/{}/{what}", other.id)).await;
        assert_eq!(status, 400);
        assert!(
            description(&text).starts_with("plugin does not support "),
            "{text}"
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_configuration_rejected_at_start_is_kept_as_comments() {
    let data = data(&[("a", plugin("a", &[], &[configured('!')]))]);
    let rig = Rig::start(data.path()).await;
    let slot = rig.slot("a").await;
    rig.post(&slot, "config", "old: true # mine\n").await;
    rig.enable("a").await;
    rig.stop().await;

    install(data.path(), &[("a", plugin("a", &[], &[configured('o')]))]);
    let rig = Rig::start(data.path()).await;
    let shown = rig.shown("a").await;
    assert_eq!(shown["enabled"], false);
    assert!(
        shown["lastError"].to_string().contains("too loud"),
        "{shown}"
    );
    let slot = rig.slot("a").await;
    let (_, config) = rig.get(&format!("/plugin/{}/config", slot.id)).await;
    assert!(config.contains("#   old: true # mine\n"), "{config}");
    assert!(config.ends_with("\nlevel: 1\n"), "{config}");
    // It runs on its defaults, and the stored configuration is accepted.
    rig.enable("a").await;
    rig.stop().await;
    let rig = Rig::start(data.path()).await;
    assert_eq!(rig.shown("a").await["enabled"], true);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_no_plugin_is_reported_and_stops_nothing() {
    let good = plugin("good", &[FILTER], &[titling("filtered")]);
    let data = data(&[
        ("good", good.clone()),
        ("twin", good),
        ("truncated", plugin("x", &[], &[])[..100].to_vec()),
    ]);
    let folder = data.path().join("plugins");
    std::fs::write(folder.join("README"), "read me").unwrap();
    std::fs::write(folder.join("good.wasm:Zone.Identifier"), "").unwrap();
    std::fs::create_dir(folder.join("folder")).unwrap();
    let rig = Rig::start(data.path()).await;
    rig.enable("good").await;
    assert_eq!(rig.stored("backup", "done").await.title, "filtered");
    let (status, text) = rig.get("/plugin/problems").await;
    assert_eq!(status, 200);
    let problems: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let found: Vec<_> = problems
        .iter()
        .map(|problem| {
            let file = problem["file"].as_str().unwrap();
            let (_, name) = file.rsplit_once('/').unwrap();
            assert!(!problem["fix"].as_str().unwrap().is_empty());
            (name, problem["step"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("README", "decode"),
            ("good.wasm:Zone.Identifier", "decode"),
            ("truncated.wasm", "compile"),
            ("twin.wasm", "check"),
        ]
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_user_who_goes_takes_their_plugins_along() {
    let parts = [echoing(), living(None, None)];
    let data = data(&[("a", plugin("a", &[WEBHOOK], &parts))]);
    grant(data.path(), &["a"], "webhook = true");
    let rig = Rig::start(data.path()).await;
    let state = rig.server.state();
    let hash = state.passwords.hash(PASSWORD).await.unwrap();
    let bob = state.store.create_user("bob", &hash, false).await.unwrap();
    let slot = state.plugins.of_user(bob.id).await.unwrap().remove(0);
    state.plugins.enable(&slot, &Actor::Server).await.unwrap();
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    assert_eq!(rig.get(&hook).await.0, 200);

    // A new name reaches the instance, which stays enabled.
    let path = format!("/user/{}", bob.id);
    let renamed = r#"{"name":"robert","admin":false}"#;
    let (status, text) = rig.request(Method::POST, &path, renamed).await;
    assert_eq!(status, 200, "{text}");
    let slot = state.plugins.of_user(bob.id).await.unwrap().remove(0);
    assert_eq!(
        (slot.user.name.as_str(), slot.is_enabled()),
        ("robert", true)
    );
    assert_eq!(rig.get(&hook).await.0, 200);

    assert_eq!(rig.request(Method::DELETE, &path, "").await.0, 200);
    assert_eq!(rig.get(&hook).await.0, 404);
    assert_eq!(state.store.plugin_instances_of(bob.id).await.unwrap(), []);

    // The last administrator stays, and so do their plugins.
    rig.enable("a").await;
    assert_eq!(rig.request(Method::DELETE, "/user/1", "").await.0, 400);
    let ada = rig.slot("a").await;
    let hook = format!("/plugin/{}/custom/{}/", ada.id, ada.token);
    assert_eq!(rig.get(&hook).await.0, 200);
    rig.stop().await;
}
