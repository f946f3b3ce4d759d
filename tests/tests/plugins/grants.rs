//! The administrator's grants, and what a plugin is without them.

use crate::{
    Rig, data,
    fixture::{READ_ALL, WEBHOOK, echoing, plugin},
    grant,
};

#[tokio::test]
async fn what_is_missing_is_shown_with_the_command_that_grants_it() {
    let data = data(&[("echo", plugin("echo", &[READ_ALL, WEBHOOK], &[echoing()]))]);
    let rig = Rig::start(data.path()).await;
    let shown = rig.shown("echo").await;
    assert_eq!(
        shown["grantCommand"],
        "mortise plugin grant echo --as-asked"
    );
    let permissions: Vec<_> = shown["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|asked| {
            (
                asked["name"].as_str().unwrap(),
                asked["answeredBy"].as_str().unwrap(),
                asked["granted"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        permissions,
        [
            ("read-messages", "user", true),
            ("webhook", "administrator", false)
        ]
    );
    let slot = rig.enable("echo").await;
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    assert_eq!(rig.get(&hook).await.0, 403);

    // Granted while the server runs: it holds once the plugin is enabled again.
    grant(data.path(), &["echo"], "webhook = true");
    rig.post(&slot, "disable", "").await;
    rig.enable("echo").await;
    assert_eq!(rig.get(&hook).await.0, 200);
    assert!(rig.shown("echo").await.get("grantCommand").is_none());
    rig.stop().await;
}

#[tokio::test]
async fn a_grants_file_that_is_wrong_grants_nothing_and_is_reported() {
    let data = data(&[("echo", plugin("echo", &[WEBHOOK], &[echoing()]))]);
    grant(data.path(), &["echo"], "webhook = true\nnonsense = 1");
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("echo").await;
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    assert_eq!(rig.get(&hook).await.0, 403);
    let (_, text) = rig.get("/plugin/problems").await;
    assert!(text.contains("grants.toml, line 3: "), "{text}");
    assert!(text.contains("unknown field `nonsense`"), "{text}");
    assert!(rig.is_healthy().await);
    rig.stop().await;
}
