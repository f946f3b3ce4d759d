//! Bad input of every kind: each ends in a report, with the server answering
//! and another plugin working.

mod files;
mod plugins;
mod requests;

use mortise_tests::server::{Data, Server, body};
use serde_json::json;

/// The id of the plugin that has to go on working.
const RULES: &str = "io.mortise.rules";

/// Puts the plugin that has to go on working into the plugins folder.
fn install_rules(data: &Data) {
    let component = std::fs::read(mortise_tests::guests::example("rules")).unwrap();
    data.plugin("rules.wasm", &component);
}

/// Lets it mark the message of [`assert_all_well`].
async fn enable_rules(server: &Server) {
    let config = "rules: [{ when: { body: '^is all well' }, then: { title: marked } }]";
    server.enable(RULES, Some(config)).await;
}

/// Sees that the server answers and that the plugin works.
async fn assert_all_well(server: &Server, token: &str) {
    server.assert_healthy().await;
    let message = json!({"title": "keep", "message": "is all well?"});
    let sent = body(server.send(token, &message).await).await;
    assert_eq!(sent["title"], "marked");
    let newest = server.messages().await.swap_remove(0);
    assert_eq!(newest, sent);
}
