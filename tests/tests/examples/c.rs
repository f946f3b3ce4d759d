//! Components in C: the example `c-quiet`, calling out, and what a trap shows.

use mortise_runtime::{CallError, types::Verdict};
use mortise_tests::guests;

use crate::{Running, author::plugin, draft, plugins::SOON, receiver::Receiver};

#[tokio::test]
async fn quiet_lowers_the_priority_of_what_begins_with_a_word() {
    let file = guests::authored("examples/c-quiet");
    let running = Running::of(&file, "begins: \"[ci]\"\npriority: 1\n", |_| {}).await;
    running.instance.start().await.unwrap();
    let filter = async |title: &str| running.instance.filter(&draft(title, "b"), SOON).await;
    let Verdict::Replace(content) = filter("[ci] passed").await.unwrap() else {
        panic!("it begins with the word")
    };
    assert_eq!(
        (content.title.as_str(), content.priority),
        ("[ci] passed", 1)
    );
    assert_eq!(filter("other").await.unwrap(), Verdict::Keep);

    let defaults = running.instance.default_config().await.unwrap();
    running.instance.apply_config(&defaults).await.unwrap();
    let refused = running.instance.apply_config("priority: eleven\n").await;
    assert!(
        matches!(&refused, Err(CallError::Config(problems)) if problems[0].path == "priority"),
        "{refused:?}"
    );
    // The memory of its arguments is freed: a hundred times its limit passes
    // through.
    let long = "x".repeat(60_000);
    for _ in 0..5000 {
        filter(&long).await.unwrap();
    }
}

/// Its title is an address to call, or it traps.
const SOURCE: &str = r#"
#include <string.h>
#include "mortise.h"

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  memset(manifest, 0, sizeof *manifest);
  manifest->id = mortise_text("test.c");
  manifest->name = mortise_text("C");
  manifest->version = mortise_text("1.0.0");
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_FILTER_MESSAGES, "to be tested", NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_HTTP, "to be tested", "127.0.0.1:*", NULL);
}

__attribute__((noinline)) static void fall_over(void) { __builtin_trap(); }

bool exports_mortise_plugin_filter_filter(mortise_plugin_types_draft_t *draft, mortise_plugin_types_verdict_t *verdict,
                                          plugin_string_t *error) {
  char *url = mortise_c_text(draft->content.title);
  if (*url == 't') fall_over();
  mortise_response_t response;
  if (!mortise_http("POST", url, "a body", &response, error)) return false;
  verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_DROP;
  verdict->val.drop = mortise_text("%d %s", response.status, response.body);
  return true;
}
"#;

#[tokio::test]
async fn calls_out_and_shows_the_functions_of_a_trap() {
    let folder = tempfile::tempdir().unwrap();
    plugin(
        folder.path(),
        &["new", "trial", "--lang", "c", "--capability", "filter"],
    );
    let inside = folder.path().join("trial");
    std::fs::write(inside.join("plugin.c"), SOURCE).unwrap();
    plugin(&inside, &["build"]);

    let receiver = Receiver::new(vec!["200 OK".to_owned()]).await;
    let running = Running::of(&inside.join("dist/trial.wasm"), "", |grants| {
        grants.host.http = [receiver.address.to_string().parse().unwrap()].into();
    })
    .await;
    running.instance.start().await.unwrap();
    let filter = async |title: &str| running.instance.filter(&draft(title, "b"), SOON).await;
    assert_eq!(
        filter(&receiver.url("/there?x=1")).await.unwrap(),
        Verdict::Drop("200 answer".to_owned())
    );
    let asked = receiver.asked();
    assert!(asked[0].head.starts_with("POST /there?x=1 HTTP/1.1"));
    assert_eq!(asked[0].body, "a body");
    let refused = filter("http://127.0.0.2:1/").await.unwrap_err().to_string();
    assert!(refused.contains("denied"), "{refused}");

    let crash = filter("trap").await;
    let Err(CallError::Crashed { details, .. }) = &crash else {
        panic!("{crash:?}")
    };
    for part in ["fall_over", "plugin.c:"] {
        assert!(details.contains(part), "{part} in {details}");
    }
}

/// Its title is the name of a field, of its text as JSON; without a title, the answer
/// is the HMAC of the text.
const READER: &str = r#"
#include <stdlib.h>
#include "mortise.h"

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  mortise_describe(manifest, "test.reader", "Reader", "1.0.0");
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_FILTER_MESSAGES, "to be tested", NULL);
}

bool exports_mortise_plugin_filter_filter(mortise_plugin_types_draft_t *draft, mortise_plugin_types_verdict_t *verdict,
                                          plugin_string_t *error) {
  (void)error;
  char *name = mortise_c_text(draft->content.title), *json = mortise_c_text(draft->content.body);
  verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_DROP;
  if (*name == 0) {
    uint8_t mac[32];
    mortise_hmac_sha256("Jefe", 4, draft->content.body.ptr, draft->content.body.len, mac);
    verdict->val.drop = mortise_text("%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[31]);
  } else {
    char *value = mortise_json_value(json, name);
    verdict->val.drop = mortise_text("%s", value == NULL ? "none" : value);
    free(value);
  }
  free(name);
  free(json);
  mortise_plugin_types_draft_free(draft);
  return true;
}
"#;

#[tokio::test]
async fn the_sdk_reads_json_and_signs() {
    let folder = tempfile::tempdir().unwrap();
    plugin(
        folder.path(),
        &["new", "reader", "--lang", "c", "--capability", "filter"],
    );
    let inside = folder.path().join("reader");
    std::fs::write(inside.join("plugin.c"), READER).unwrap();
    plugin(&inside, &["build"]);
    let running = Running::of(&inside.join("dist/reader.wasm"), "", |_| {}).await;
    running.instance.start().await.unwrap();
    for (name, text, answer) in [
        ("a", r#"{"a": "b"}"#, "b"),
        ("a", r#" {"x": [1, {"a": "}"}], "a" : 12.5e3 }"#, "12.5e3"),
        ("a", r#"{"a": {"a": [1, 2]}}"#, r#"{"a": [1, 2]}"#),
        (
            "a",
            r#"{"\u0061": "\u00e4\n\ud83d\ude00\"\ud800"}"#,
            "ä\n😀\"\u{fffd}",
        ),
        ("a", r#"{"a": "\u0000\u00"}"#, "\u{fffd}u00"),
        ("a", "{}", "none"),
        ("a", "[]", "none"),
        ("a", r#"{"a": "b"#, "none"),
        ("a", r#"{"b": [}, "a": 1}"#, "none"),
        ("a", r#"{"a": [1, 2"#, "none"),
        ("a", r#"{"a": "x\"#, "none"),
        // Of RFC 4231, and a text of several blocks.
        ("", "what do ya want for nothing?", "5bdcc143"),
        ("", "x".repeat(200).as_str(), "0d92e540"),
    ] {
        let verdict = running.instance.filter(&draft(name, text), SOON).await;
        assert_eq!(
            verdict.unwrap(),
            Verdict::Drop(answer.to_owned()),
            "{name} of {text}"
        );
    }
}
