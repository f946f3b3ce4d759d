//! The behaviour that `folder`, `swaps` and `residence` test for components,
//! for processes under the real program.

use mortise_tests::{
    minisign::Signer,
    natives::{python, stamp},
    server::{Data, Server, body, run},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::until;

const ID: &str = "org.example.stamp";

/// The title with which a message is stored.
async fn title(server: &Server, token: &str, text: &str) -> String {
    let message = json!({ "title": "t", "message": text });
    let stored = body(server.send(token, &message).await).await;
    let all = server.messages().await;
    let found = all.iter().find(|message| message["id"] == stored["id"]);
    found.unwrap()["title"].as_str().unwrap().to_owned()
}

async fn problems(server: &Server) -> Vec<Value> {
    let answer = server.admin(Method::GET, "/plugin/problems").send().await;
    body(answer.unwrap()).await.as_array().unwrap().clone()
}

/// The processes below a process.
fn below(parent: u32) -> usize {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // Behind the name, which may hold anything, come the state and the
        // parent.
        if let Ok(text) = std::fs::read_to_string(entry.path().join("stat"))
            && let Some((_, rest)) = text.rsplit_once(") ")
            && let Some(parent) = rest.split(' ').nth(1)
        {
            parents.push((id, parent.parse::<u32>().unwrap()));
        }
    }
    let mut found = vec![parent];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let children = parents.iter().filter(|(_, of)| of == parent);
        let children: Vec<_> = children.map(|(id, _)| *id).collect();
        found.extend(children);
        next += 1;
    }
    found.len() - 1
}

/// Bytes that a process has read so far, from files and sockets.
fn read_by(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

/// A filter that answers with the number of threads that it could have at once.
const THREADS: &str = r#"
import threading
import mortise_plugin as m

class Threads(m.Plugin):
    manifest = m.Manifest(
        id="org.example.threads", name="Threads", version="1.0.0",
        wants=[m.Want.filter_messages("It counts.")])

    def filter(self, draft):
        end, threads = threading.Event(), []
        try:
            for _ in range(300):
                thread = threading.Thread(target=end.wait)
                thread.start()
                threads.append(thread)
        except RuntimeError:
            pass
        finally:
            end.set()
        for thread in threads:
            thread.join()
        content = draft.content
        return m.Replace(m.Content(str(len(threads)), content.body, content.priority, content.extras))

m.run(Threads)
"#;

#[tokio::test]
async fn a_process_may_have_hundreds_of_threads() {
    let data = Data::new();
    let server = data.serve().await;
    let token = server.application("backup").await;
    data.executable("threads", &python(THREADS));
    let id = "org.example.threads";
    until("it was there", async || server.plugin(id).await.is_some()).await;
    server.enable(id, None).await;
    assert_eq!(title(&server, &token, "x").await, "300");
    server.stop().await;
}

/// A filter that takes a lock in a granted directory when it starts, as an embedded
/// database does, and lets go of it only with its process.
const LOCK: &str = r#"
import fcntl
import mortise_plugin as m

class Lock(m.Plugin):
    manifest = m.Manifest(
        id="org.example.lock", name="Lock", version="@VERSION@",
        wants=[m.Want.filter_messages("It stamps."), m.Want.files("Its database.", m.Directory("@FOLDER@", True))])

    def start(self, user):
        self.file = open("@FOLDER@/lock", "w")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise m.Refused(f"the database is in use: {error}")
        if "@VERSION@" == "9.0.0":
            raise m.Refused("it is broken")

    def filter(self, draft):
        content = draft.content
        return m.Replace(m.Content("@VERSION@", content.body, content.priority, content.extras))

m.run(Lock)
"#;

#[tokio::test]
async fn a_plugin_that_cannot_run_twice_is_stopped_before_its_next_version() {
    let data = Data::new();
    let server = data.serve().await;
    let token = server.application("backup").await;
    let id = "org.example.lock";
    let folder = tempfile::tempdir().unwrap();
    let version = |version: &str| {
        let source = LOCK.replace("@FOLDER@", folder.path().to_str().unwrap());
        python(&source.replace("@VERSION@", version))
    };
    let ordered = |arguments: &[&str]| {
        let data = ["--data-dir", data.path().to_str().unwrap()];
        let output = run(["plugin"].iter().chain(arguments).chain(&data));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.success(),
            said + &String::from_utf8_lossy(&output.stderr),
        )
    };
    data.executable("lock", &version("1.0.0"));
    until("it was there", async || server.plugin(id).await.is_some()).await;
    let granted = ordered(&["grant", id, "--as-asked"]);
    assert!(granted.0, "{}", granted.1);
    server.enable(id, None).await;
    assert_eq!(title(&server, &token, "x").await, "1.0.0");

    // The report says what to do.
    let (done, said) = ordered(&["reload", id]);
    assert!(
        !done && said.contains("--limit versions-at-once=1"),
        "{said}"
    );
    assert_eq!(title(&server, &token, "x").await, "1.0.0");
    let limited = ordered(&["grant", id, "--limit", "versions-at-once=1"]);
    assert!(limited.0, "{}", limited.1);
    let reloaded = ordered(&["reload", id]);
    assert!(reloaded.0, "{}", reloaded.1);

    // Messages that come meanwhile wait for the new version.
    let file = folder.path().join("new");
    let install = async |number: &str| {
        std::fs::write(&file, version(number)).unwrap();
        let body = std::fs::read(&file).unwrap();
        let request = server.admin(Method::POST, "/admin/plugins?name=lock");
        let request = request.header("content-type", "application/octet-stream");
        request.body(body).send().await.unwrap()
    };
    let sending = async {
        let mut titles = Vec::new();
        while titles.last().is_none_or(|last| last != "2.0.0") {
            titles.push(title(&server, &token, "x").await);
        }
        titles
    };
    let (titles, installed) = tokio::join!(sending, install("2.0.0"));
    assert_eq!(installed.status(), 200);
    let (_, before) = titles.split_last().unwrap();
    assert!(before.iter().all(|title| title == "1.0.0"), "{titles:?}");

    // One that does not start leaves the version before at work.
    let refused = install("9.0.0").await;
    assert_eq!(refused.status(), 422);
    let said = refused.text().await.unwrap();
    assert!(said.contains("it is broken"), "{said}");
    assert_eq!(title(&server, &token, "x").await, "2.0.0");
    server.stop().await;
}

#[tokio::test]
async fn a_native_plugin_is_taken_up_swapped_and_unloaded() {
    let data = Data::new();
    let server = data.serve().await;
    let token = server.application("backup").await;
    data.executable("stamp", &stamp(ID, "1.0.0"));
    until("it was there", async || server.plugin(ID).await.is_some()).await;
    until("nothing ran for nobody", async || below(server.id()) == 0).await;
    server.enable(ID, None).await;
    assert_eq!(title(&server, &token, "x").await, "t|1.0.0");
    let one = below(server.id());
    assert!(one > 0);
    let id = server.plugin(ID).await.unwrap()["id"].clone();
    let metrics = server.admin(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let memory = format!("mortise_plugin_memory_bytes{{plugin=\"{ID}\"}} ");
    let memory = metrics.lines().find_map(|line| line.strip_prefix(&memory));
    let memory: u64 = memory.unwrap().parse().unwrap();
    assert!(memory > 1 << 20, "{memory}");

    // A call in flight ends in the process in which it began.
    let log = async || {
        let path = format!("/plugin/{id}/log");
        let answer = server.admin(Method::GET, &path).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let replaced = async {
        until("a slow call was in flight", async || {
            log().await.contains("slow")
        })
        .await;
        data.executable("stamp", &stamp(ID, "2.0.0"));
        until("it was replaced", async || {
            title(&server, &token, "x").await == "t|2.0.0"
        })
        .await;
    };
    let slow = async {
        let mut titles = Vec::new();
        while titles.last().is_none_or(|last| last == "t|1.0.0") {
            titles.push(title(&server, &token, "slow").await);
        }
        titles
    };
    let (titles, ()) = tokio::join!(slow, replaced);
    let (last, before) = titles.split_last().unwrap();
    assert_eq!(last, "t|2.0.0");
    assert!(before.iter().all(|title| title == "t|1.0.0"), "{titles:?}");
    until("the old process was gone", async || {
        below(server.id()) == one
    })
    .await;
    // The administrator still reads the output of the process before.
    let path = format!("/admin/plugins/{ID}/log");
    let answer = server.admin(Method::GET, &path).send().await.unwrap();
    let lines = body(answer).await;
    let printed = |line: &&Value| line["text"] == "slow" && line["user"].is_null();
    let count = lines.as_array().unwrap().iter().filter(printed).count();
    assert_eq!(count, titles.len(), "{lines}");

    // There and back again.
    for version in ["1.0.0", "2.0.0"] {
        let path = format!("/admin/plugins/{ID}/rollback");
        let answer = server.admin(Method::POST, &path).send().await.unwrap();
        assert_eq!(body(answer).await["version"], version);
        let expected = format!("t|{version}");
        assert_eq!(title(&server, &token, "x").await, expected);
    }
    until("the others were gone", async || below(server.id()) == one).await;

    // What does not come up leaves it alone, at each step.
    let silent = b"#!/bin/sh\nexit 3\n".to_vec();
    let no_plugin = python("print('hello')");
    for broken in [silent, no_plugin] {
        data.executable("stamp", &broken);
        until("it was reported", async || {
            problems(&server).await.len() == 1
        })
        .await;
        let problem = problems(&server).await.remove(0);
        assert!(
            problem["fix"].as_str().is_some_and(|fix| !fix.is_empty()),
            "{problem}"
        );
        assert_eq!(title(&server, &token, "x").await, "t|2.0.0");
        assert_eq!(below(server.id()), one);
        data.executable("stamp", &stamp(ID, "2.0.0"));
        until("it was mended", async || problems(&server).await.is_empty()).await;
    }
    assert_eq!(server.plugin(ID).await.unwrap()["id"], id);

    std::fs::remove_file(data.path().join("plugins/stamp")).unwrap();
    until("it was gone", async || server.plugin(ID).await.is_none()).await;
    until("its process was gone", async || below(server.id()) == 0).await;
    assert_eq!(title(&server, &token, "x").await, "t");
    server.stop().await;
}

#[tokio::test]
async fn a_start_reads_no_file_that_it_knows() {
    let data = Data::new();
    // Long enough to be seen among what a start reads.
    let padding = 64 << 20;
    let program = stamp(ID, "1.0.0");
    let source = mortise_tests::components::plugin(
        "padded",
        "export mortise:plugin/filter@0.2.0;",
        r#"(func (export "mortise:plugin/filter@0.2.0#filter") (param i64 i32 i32 i32 i32
        i32 i32 i32 i32 i32 i32 i64) (result i32) i32.const 32768)"#,
    );
    let mut component = source.unwrap();
    component.extend(custom_section(padding));
    data.executable("stamp", &program);
    data.plugin("padded.wasm", &component);
    // Nor one whose signature it knows.
    let signer = Signer::new();
    std::fs::write(data.path().join("trusted-keys"), signer.public()).unwrap();
    data.plugin("padded.wasm.minisig", signer.sign(&component).as_bytes());
    let server = data.serve().await;
    assert!(read_by(server.id()) > padding as u64);
    for id in ["padded", ID] {
        assert!(server.plugin(id).await.is_some(), "{}", server.log());
    }
    // A process was asked for its capabilities, and had no other work.
    until("nothing ran", async || below(server.id()) == 0).await;
    server.stop().await;

    let server = data.serve().await;
    for id in ["padded", ID] {
        assert!(server.plugin(id).await.is_some(), "{}", server.log());
    }
    let read = read_by(server.id());
    assert!(read < padding as u64, "{read} bytes");
    assert_eq!(below(server.id()), 0);
    server.stop().await;
}

/// A section that means nothing, of this many zeros.
fn custom_section(length: usize) -> Vec<u8> {
    let mut content = vec![3];
    content.extend(b"pad");
    content.resize(content.len() + length, 0);
    let mut section = vec![0];
    let mut size = content.len();
    while size > 0x7f {
        section.push(u8::try_from(size & 0x7f).unwrap() | 0x80);
        size >>= 7;
    }
    section.push(u8::try_from(size).unwrap());
    section.extend(content);
    section
}
