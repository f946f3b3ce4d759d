//! `mortise plugin replay`: recorded messages, put to another version of a filter, or
//! written as cases.

use mortise_tests::{guests, natives::python, server::Data};
use mortise_wait::until;
use serde_json::{Value, json};

use crate::command_line::{plugin, said};

/// A filter that counts in its storage, sends, and calls out: by its answers it tells
/// how far each of these got.
const FILTER: &str = r#"
import dataclasses, urllib.request
import mortise_plugin as m

seen = []

class Filter(m.Plugin):
    manifest = m.Manifest(
        id="org.example.replayed", name="replayed", version="@VERSION@",
        wants=[m.Want.filter_messages("It counts."), m.Want.send_messages("It tells."),
               m.Want.http("It asks.", "http://@HOST@")])

    def filter(self, draft):
        content = draft.content
        if content.body == "noise":
            return m.Drop("noise")
        count = int(self.host.storage.get("count") or b"0") + 1
        self.host.storage.set("count", str(count))
        seen.append(content.body)
        title = f"{count} of {len(seen)}"
        @MORE@
        return m.Replace(dataclasses.replace(content, title=title))

m.run(Filter)
"#;

/// A filter whose answer depends on the time of receipt and on its storage.
const DATED: &str = r#"
import dataclasses
import mortise_plugin as m

class Filter(m.Plugin):
    manifest = m.Manifest(
        id="org.example.dated", name="dated", version="1.0.0",
        wants=[m.Want.filter_messages("It dates.")])

    def filter(self, draft):
        content = draft.content
        if self.host.storage.get("first") is None:
            self.host.storage.set("first", content.body)
        first = self.host.storage.get("first").decode()
        title = f"{first} at {draft.received_ms}"
        return m.Replace(dataclasses.replace(content, title=title))

m.run(Filter)
"#;

fn version(version: &str, more: &str) -> Vec<u8> {
    python(
        &FILTER
            .replace("@VERSION@", version)
            .replace("@MORE@", more)
            .replace("@HOST@", "127.0.0.1:9"),
    )
}

#[tokio::test]
async fn a_process_of_its_own_answers_again_and_changes_nothing() {
    const ID: &str = "org.example.replayed";
    let data = Data::new();
    data.executable("replayed", &version("1.0.0", ""));
    data.grant_as_asked(ID);
    let server = data.serve().await;
    let token = server.application("backup").await;
    until("it was there", async || server.plugin(ID).await.is_some()).await;
    server.enable(ID, None).await;
    for body in ["a", "noise", "b", "odd", "c"] {
        let message = json!({ "title": "t", "message": body });
        assert_eq!(server.send(&token, &message).await.status(), 200);
    }
    let titles = async || {
        let messages = server.messages().await;
        let titles = messages
            .iter()
            .map(|one| one["title"].as_str().unwrap().to_owned());
        titles.collect::<Vec<_>>()
    };
    let stored = ["4 of 4", "3 of 3", "2 of 2", "1 of 1"];
    assert_eq!(titles().await, stored);

    // The storage is a copy as of now, and the process is another.
    let replay = |arguments: &[&str]| -> Value {
        let arguments = [&["replay", "replayed", "--json"], arguments].concat();
        serde_json::from_str(&said(&data, &arguments)).unwrap()
    };
    let same = replay(&[]);
    assert_eq!((&same["calls"], &same["different"]), (&5.into(), &4.into()));
    let after = |replay: &Value, at: usize| {
        replay["differences"][at]["replayed"]["changes"][0]["after"].clone()
    };
    assert_eq!(after(&same, 0), "5 of 1");
    assert_eq!(after(&same, 3), "8 of 4");

    let changed = data.path().join("next.py");
    let more = r#"
        if content.body == "odd":
            self.host.send("told", "odd")
            try:
                urllib.request.urlopen("http://127.0.0.1:9/", timeout=5)
            except Exception as error:
                title = type(error).__name__
        else:
            title = content.title
"#;
    std::fs::write(&changed, version("2.0.0", more.trim())).unwrap();
    let changed = changed.to_str().unwrap();
    let next = replay(&["--version", changed]);
    assert_eq!(
        (&next["version"], &next["calls"]),
        (&"2.0.0".into(), &5.into())
    );
    assert_eq!(next["sends"], 1, "{next}");
    assert_eq!(next["sent"][0]["message"], "told");
    // A process has no sockets in a replay: its request failed before the server saw it.
    assert_eq!((&next["requests"], &next["writes"]), (&0.into(), &4.into()));
    let text = said(&data, &["replay", "replayed", "--version", changed]);
    assert!(text.contains("4 differ"), "{text}");
    assert!(text.contains("it would have sent 1 messages"), "{text}");

    // Nothing was stored, and the running process counts on where it was.
    assert_eq!(titles().await, stored);
    let message = json!({ "title": "t", "message": "d" });
    assert_eq!(server.send(&token, &message).await.status(), 200);
    assert_eq!(titles().await[0], "5 of 5");

    // As cases, for the version that answered.
    let cases = data.path().join("cases").join("recorded.yaml");
    let cases = cases.to_str().unwrap();
    let written = said(&data, &["replay", "replayed", "--cases", cases]);
    assert!(written.contains("6 calls"), "{written}");
    let file = data.path().join("plugins").join("replayed");
    let file = file.to_str().unwrap();
    let tested = said(&data, &["test", file, "--cases", cases]);
    assert!(tested.contains("1 passed"), "{tested}");
    server.stop().await;
}

#[tokio::test]
async fn the_effects_of_a_component_are_listed_and_do_not_happen() {
    const ID: &str = "io.mortise.soak.n0000";
    let data = Data::new();
    let component = std::fs::read(guests::example("stamp")).unwrap();
    data.plugin("stamp.wasm", &component);
    let server = data.serve().await;
    let token = server.application("backup").await;
    until("it was there", async || server.plugin(ID).await.is_some()).await;
    server.enable(ID, None).await;
    for title in ["plain", "odd"] {
        let message = json!({ "title": title, "message": "m" });
        assert_eq!(server.send(&token, &message).await.status(), 200);
    }

    let (old, new) = (b"with effects: none", b"with effects:  odd");
    let at = component
        .windows(old.len())
        .position(|window| window == old);
    let mut other = component;
    other[at.unwrap()..][..new.len()].copy_from_slice(new);
    let file = data.path().join("other.wasm");
    std::fs::write(&file, other).unwrap();
    let file = file.to_str().unwrap();
    let replayed = said(&data, &["replay", ID, "--version", file, "--json"]);
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(
        (&replayed["calls"], &replayed["different"]),
        (&2.into(), &0.into())
    );
    for effect in ["sends", "requests", "writes"] {
        assert_eq!(replayed[effect], 1, "{replayed}");
    }
    // Without the query.
    let request = json!({ "method": "GET", "url": "http://127.0.0.1:9/planted" });
    assert_eq!(replayed["requested"], json!([request]));
    assert_eq!(replayed["denied"], json!([]));
    let text = said(&data, &["replay", ID, "--version", file]);
    assert!(text.contains("GET http://127.0.0.1:9/planted"), "{text}");
    assert!(text.contains("changed its storage 1 times"), "{text}");

    assert_eq!(server.messages().await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_case_has_the_times_of_receipt_and_on_request_the_storage() {
    const ID: &str = "org.example.dated";
    let data = Data::new();
    data.executable("dated", &python(DATED));
    data.grant_as_asked(ID);
    let server = data.serve().await;
    let token = server.application("backup").await;
    until("it was there", async || server.plugin(ID).await.is_some()).await;
    server.enable(ID, None).await;
    // The second text is no variable of a case.
    for body in ["one", "${two}"] {
        let message = json!({ "title": "t", "message": body });
        assert_eq!(server.send(&token, &message).await.status(), 200);
    }
    let file = data.path().join("plugins").join("dated");
    let file = file.to_str().unwrap();
    let passes = |name: &str, arguments: &[&str]| {
        let cases = data.path().join(name);
        let cases = cases.to_str().unwrap();
        said(
            &data,
            &[&["replay", "dated", "--cases", cases], arguments].concat(),
        );
        let mut test = plugin(&data, &["test", file, "--cases", cases]);
        test.output().unwrap().status.success()
    };
    assert!(passes("all.yaml", &[]));
    // The second message's answer depends on the first, which is not in the case.
    assert!(passes("stored.yaml", &["--limit", "1", "--storage"]));
    assert!(!passes("empty.yaml", &["--limit", "1"]));
    server.stop().await;
}
