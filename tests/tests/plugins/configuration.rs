//! A configuration that the server holds against the plugin's schema before the
//! plugin sees it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Rig, data,
    fixture::{configured_by, plugin},
};

const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{
    "level":{"type":"integer","maximum":9},
    "key":{"type":"string","writeOnly":true,"minLength":8}}}"#;

async fn rig(default: &str, schema: Option<&str>) -> (tempfile::TempDir, Rig, i64) {
    let parts = [configured_by('!', default, schema)];
    let data = data(&[("a", plugin("a", &[], &parts))]);
    let rig = Rig::start(data.path()).await;
    let id = rig.slot("a").await.id;
    (data, rig, id)
}

async fn save(rig: &Rig, id: i64, text: &str) -> (u16, Value) {
    let path = format!("/plugin/{id}/config");
    let (status, text) = rig.request(Method::POST, &path, text).await;
    (
        status.as_u16(),
        serde_json::from_str(&text).unwrap_or_default(),
    )
}

#[tokio::test]
async fn problems_are_told_by_path_line_and_column_and_nothing_is_stored() {
    let (_data, rig, id) = rig("level: 1\n", Some(SCHEMA)).await;
    let good = "# mine\nlevel:   5 # loud\n\nkey: 'swordfish'\n";
    assert_eq!(save(&rig, id, good).await.0, 200);
    let (status, error) = save(&rig, id, "level: 1\nlevle: 2\nkey: short1\n").await;
    assert_eq!(status, 400);
    let problems = error["problems"].as_array().unwrap();
    let places: Vec<_> = problems
        .iter()
        .map(|one| (&one["path"], &one["line"], &one["column"]))
        .collect();
    assert!(
        places.contains(&(&json!("/levle"), &json!(2), &json!(1))),
        "{error}"
    );
    assert!(
        places.contains(&(&json!("/key"), &json!(3), &json!(1))),
        "{error}"
    );
    assert!(!error.to_string().contains("short1"), "{error}");
    let description = error["errorDescription"].as_str().unwrap();
    assert!(description.contains("line 2, column 1"), "{description}");
    // Byte for byte.
    let (_, text) = rig.get(&format!("/plugin/{id}/config")).await;
    assert_eq!(text, good);
    // The plugin has the last word.
    let (status, error) = save(&rig, id, "!yes level: 1\n").await;
    assert_eq!(status, 400, "{error}");
    rig.stop().await;
}

#[tokio::test]
async fn a_form_has_schema_and_values_but_no_secrets() {
    let (_data, rig, id) = rig("level: 1\n", Some(SCHEMA)).await;
    let path = format!("/plugin/{id}/config/form");
    let form = rig.json(Method::GET, &path, "").await;
    assert_eq!(
        (&form["format"], &form["values"]),
        (&json!("yaml"), &json!({ "level": 1 }))
    );
    assert_eq!(form["schema"]["properties"]["level"]["maximum"], 9);
    save(&rig, id, "level: 2\nkey: swordfish\n").await;
    let form = rig.json(Method::GET, &path, "").await;
    assert_eq!(
        (&form["values"], &form["secrets"]),
        (&json!({ "level": 2 }), &json!(["/key"]))
    );
    assert!(!form.to_string().contains("swordfish"), "{form}");
    rig.stop().await;
}

#[tokio::test]
async fn a_text_can_be_looked_at_without_being_saved() {
    let (_data, rig, id) = rig("level: 1\n", Some(SCHEMA)).await;
    let path = format!("/plugin/{id}/config/validate");
    let seen = rig.json(Method::POST, &path, "level: 10\n").await;
    assert_eq!(seen["problems"][0]["path"], "/level");
    let seen = rig.json(Method::POST, &path, "level: 9\n").await;
    assert_eq!(seen, json!({ "problems": [] }));
    let (_, text) = rig.get(&format!("/plugin/{id}/config")).await;
    assert_eq!(text, "level: 1\n");
    let long = "x".repeat((1 << 20) + 1);
    let (status, _) = rig.request(Method::POST, &path, &long).await;
    assert_eq!(status, 413);
    rig.stop().await;
}

#[tokio::test]
async fn what_the_server_cannot_judge_goes_to_the_plugin() {
    // No schema.
    let (_data, one, id) = rig("level: 1\n", None).await;
    assert_eq!(save(&one, id, "what: [\n").await.0, 200);
    one.stop().await;
    // Another language.
    let (_data, other, id) = rig("level = 1\n", Some(SCHEMA)).await;
    assert_eq!(save(&other, id, "level = 50\nwhat = [1]\n").await.0, 200);
    let form = other
        .json(Method::GET, &format!("/plugin/{id}/config/form"), "")
        .await;
    assert_eq!(form["format"], "text");
    other.stop().await;
    // A schema that is none.
    let (_data, last, id) = rig("level: 1\n", Some(r#"{"$ref":"http://127.0.0.1:1/"}"#)).await;
    assert_eq!(save(&last, id, "level: 50\n").await.0, 200);
    let form = last
        .json(Method::GET, &format!("/plugin/{id}/config/form"), "")
        .await;
    assert!(
        form["schemaProblem"]
            .as_str()
            .unwrap()
            .contains("refers to"),
        "{form}"
    );
    let said = last.slot("a").await.log.since(0);
    assert_eq!(
        said.iter()
            .filter(|entry| entry.text.contains("refers to"))
            .count(),
        1
    );
    last.stop().await;
}
