//! `mortise plugin replay`: recorded messages, put to another version of a filter that
//! runs as a process.

use mortise_tests::{natives::python, server::Data};
use mortise_wait::until;
use serde_json::{Value, json};

use crate::command_line::said;

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
