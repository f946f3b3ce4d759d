//! Data that a plugin must not reach, through the real server, as a component
//! and as a process: other users', other plugins' and the host's. Each access
//! is denied first, and allowed after the grant.

use std::path::Path;

use mortise_tests::{
    guests, natives,
    server::{Data, Server, body, run},
    web,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const OWN: &str = "test.everything";
/// Another plugin; as long a name, for it is written over the first in place.
const OTHER: &str = "test.neighbours";

/// Returns the fixture that executes commands, for each backend.
fn backends() -> [(&'static str, Vec<u8>); 2] {
    let component = std::fs::read(guests::example("everything")).unwrap();
    let source = include_str!("../../conformance/plugins/python-native/everything.py");
    [
        ("component.wasm", component),
        ("process", natives::python(source)),
    ]
}

/// The same plugin under another name.
fn renamed(name: &str, bytes: &[u8]) -> Vec<u8> {
    if name.ends_with(".wasm") {
        return replaced(bytes, OWN.as_bytes(), OTHER.as_bytes());
    }
    let source = include_str!("../../conformance/plugins/python-native/everything.py");
    natives::python(&source.replace(OWN, OTHER))
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .windows(from.len())
        .position(|part| part == from)
    {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    assert!(at > 0, "the name is not in it");
    bytes
}

/// A plugin as one user has it, told what to do by its webhook.
struct Told<'a> {
    server: &'a Server,
    path: String,
}

impl<'a> Told<'a> {
    async fn of(server: &'a Server, (user, password): (&str, &str), id: &str) -> Self {
        let plugins = server.request(Method::GET, "/plugin");
        let plugins = plugins.basic_auth(user, Some(password)).send().await;
        let plugins = body(plugins.unwrap()).await;
        let mut plugins = plugins.as_array().unwrap().iter();
        let plugin = plugins.find(|plugin| plugin["pluginId"] == id).unwrap();
        let token = plugin["token"].as_str().unwrap();
        Self {
            server,
            path: format!("/plugin/{}/custom/{token}/", plugin["id"]),
        }
    }

    async fn asked(&self, command: &str) -> (StatusCode, String) {
        let request = self.server.request(Method::POST, &self.path);
        let answer = request.body(command.to_owned()).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Returns its answer to a command, which must succeed.
    async fn does(&self, command: &str) -> String {
        let (status, text) = self.asked(command).await;
        assert_eq!(status, 200, "{command}: {text}");
        text
    }

    /// Texts of the messages that it lists.
    async fn reads(&self, command: &str) -> Vec<String> {
        let messages: Vec<Value> = serde_json::from_str(&self.does(command).await).unwrap();
        let texts = messages.iter();
        texts
            .map(|message| message["content"]["body"].as_str().unwrap().to_owned())
            .collect()
    }
}

const BOB: (&str, &str) = ("bob", "bob's own password");
const ADMIN: (&str, &str) = (mortise_tests::server::USER, mortise_tests::server::PASSWORD);

/// Enables a plugin as one of its users.
async fn enable(server: &Server, told: &Told<'_>, (user, password): (&str, &str)) {
    let id = told.path.split('/').nth(2).unwrap();
    let request = server.request(Method::POST, &format!("/plugin/{id}/enable"));
    let answer = request.basic_auth(user, Some(password)).send().await;
    body(answer.unwrap()).await;
}

/// Sends a message of a user to themselves and returns its id.
async fn send(server: &Server, (user, password): (&str, &str), text: &str) -> u64 {
    let made = server
        .request(Method::POST, "/application")
        .basic_auth(user, Some(password))
        .json(&json!({ "name": "own" }));
    let made = body(made.send().await.unwrap()).await;
    let message = json!({ "message": text });
    let sent = server.send(made["token"].as_str().unwrap(), &message).await;
    body(sent).await["id"].as_u64().unwrap()
}

#[tokio::test]
async fn what_is_another_users_or_another_plugins_is_out_of_reach() {
    for (name, bytes) in backends() {
        let data = Data::new();
        put(&data, name, &bytes);
        put(&data, &format!("other-{name}"), &renamed(name, &bytes));
        let webhooks = format!("[\"{OWN}\"]\nwebhook = true\n[\"{OTHER}\"]\nwebhook = true\n");
        std::fs::write(data.path().join("grants.toml"), webhooks).unwrap();
        let server = data.serve().await;
        let bob = json!({ "name": BOB.0, "pass": BOB.1, "admin": false });
        let made = server.admin(Method::POST, "/user").json(&bob).send().await;
        body(made.unwrap()).await;
        let own = Told::of(&server, ADMIN, OWN).await;
        let other = Told::of(&server, ADMIN, OTHER).await;
        let bobs = Told::of(&server, BOB, OWN).await;
        let for_admin = send(&server, ADMIN, "for the administrator").await;
        let for_bob = send(&server, BOB, "for bob").await;

        // No messages are read before the user's consent, which is enabling the
        // plugin.
        for told in [&own, &bobs] {
            assert_eq!(told.asked("received").await.0, 400, "{name}");
        }
        enable(&server, &own, ADMIN).await;
        enable(&server, &other, ADMIN).await;
        assert_eq!(own.reads("received").await, ["for the administrator"]);
        assert_eq!(bobs.asked("received").await.0, 400, "{name}");

        // Not even by their number, whether to read or to delete.
        assert_eq!(own.does(&format!("get {for_bob}")).await, "null", "{name}");
        own.does(&format!("remove {for_bob}")).await;
        enable(&server, &bobs, BOB).await;
        assert_eq!(bobs.reads("received").await, ["for bob"], "{name}");
        let read = bobs.does(&format!("get {for_bob}")).await;
        assert!(read.contains("for bob"), "{name}: {read}");
        assert_eq!(bobs.does(&format!("get {for_admin}")).await, "null");

        // Its own messages are accessible to it alone.
        let sent = bobs.does("send by bob's").await;
        assert_eq!(bobs.reads("sent").await, ["by bob's"], "{name}");
        for told in [&own, &other] {
            assert_eq!(told.reads("sent").await, [""; 0], "{name}");
            assert_eq!(told.does(&format!("get {sent}")).await, "null", "{name}");
        }
        // Another plugin of the same user may read it, and not delete it.
        let sent = other.does("send by the other").await;
        assert_ne!(own.does(&format!("get {sent}")).await, "null", "{name}");
        let (status, text) = own.asked(&format!("remove {sent}")).await;
        assert!(
            status != 200 && text.contains("another application"),
            "{name}: {text}"
        );
        other.does(&format!("remove {sent}")).await;
        assert_eq!(own.does(&format!("get {sent}")).await, "null", "{name}");

        // Storage is each instance's own, for every plugin and every user.
        let all = [("own", &own), ("other", &other), ("bob's", &bobs)];
        for (whose, told) in all {
            assert_eq!(told.does("load secret").await, "(none)", "{name}: {whose}");
            assert_eq!(told.does("keys").await, "[]", "{name}: {whose}");
            told.does(&format!("store secret {whose}")).await;
        }
        for (whose, told) in all {
            assert_eq!(told.does("load secret").await, whose, "{name}");
        }
        own.does("unset secret").await;
        assert_eq!(own.does("load secret").await, "(none)", "{name}");
        for (whose, told) in &all[1..] {
            assert_eq!(told.does("load secret").await, *whose, "{name}");
        }
        server.stop().await;
    }
}

fn put(data: &Data, name: &str, bytes: &[u8]) {
    if name.ends_with(".wasm") {
        data.plugin(name, bytes);
    } else {
        data.executable(name, bytes);
    }
}

#[tokio::test]
async fn what_is_the_hosts_is_reached_by_its_grant_only() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
    for (folder, text) in [(&inside, "own"), (&outside, "secret")] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("file"), text).unwrap();
    }
    std::os::unix::fs::symlink("../out/file", inside.join("near")).unwrap();
    std::os::unix::fs::symlink(outside.join("file"), inside.join("far")).unwrap();
    let private = web::serving(vec![web::file(b"private")]);
    let public = web::serving(vec![web::redirect(&format!("{private}/0"))]);
    let shown = |path: &Path| path.display().to_string();
    let read = |path: String| format!("read-file {path}");
    let linked = inside.join("linked");
    let link = format!(
        "hard-link {} {}",
        shown(&outside.join("file")),
        shown(&linked)
    );
    let address = |url: &str| url.replace("http://", "");
    let local = web::serving(vec![web::file(b"local")]);
    let by_name = format!("http {}/0", local.replace("127.0.0.1", "127.1"));
    // In this order: a way around a grant is tried once that is given.
    let steps: [(Vec<String>, [String; 2], Option<&str>); 9] = [
        (
            vec![read(shown(&inside.join("file")))],
            ["--dir".to_owned(), format!("{}:rw", inside.display())],
            Some("own"),
        ),
        (
            ["../out/file", "near", "far"]
                .map(|way| read(format!("{}/{way}", inside.display())))
                .into_iter()
                .chain([link.clone(), read(shown(&outside.join("file")))])
                .collect(),
            ["--dir".to_owned(), shown(&outside)],
            Some("secret"),
        ),
        (
            // What may only be read does not come to where it may be written.
            vec![link],
            ["--dir".to_owned(), format!("{}:rw", outside.display())],
            Some(""),
        ),
        (
            vec![read("/proc/sys/kernel/ostype".to_owned())],
            ["--dir".to_owned(), "/proc/sys/kernel".to_owned()],
            Some("Linux\n"),
        ),
        (
            vec!["env MORTISE_TEST".to_owned()],
            ["--env".to_owned(), "MORTISE_TEST".to_owned()],
            Some("of the host"),
        ),
        (
            // It may ask there then, and still does not follow to where it may not.
            vec![format!("http {public}/0")],
            ["--http".to_owned(), address(&public)],
            None,
        ),
        (
            vec![format!("http {private}/0"), format!("http {public}/0")],
            ["--http".to_owned(), address(&private)],
            Some("200 private"),
        ),
        (
            // A name that leads to this machine, which only the resolver knows.
            vec![by_name.clone()],
            [
                "--http".to_owned(),
                address(&local).replace("127.0.0.1", "127.1"),
            ],
            None,
        ),
        (
            vec![by_name],
            ["--http".to_owned(), address(&local)],
            Some("200 local"),
        ),
    ];
    for (name, bytes) in backends() {
        let data = Data::new();
        put(&data, name, &bytes);
        let grants = format!("[\"{OWN}\"]\nwebhook = true\n");
        std::fs::write(data.path().join("grants.toml"), grants).unwrap();
        let mut command = data.command();
        command.env("MORTISE_TEST", "of the host");
        let server = data.serve_with(command).await;
        let told = Told::of(&server, ADMIN, OWN).await;
        enable(&server, &told, ADMIN).await;
        let is = async |command: &str| {
            let (status, text) = told.asked(command).await;
            // What the server's proxy denies is an answer for a process.
            let denied = text == "(none)" || text.starts_with("403 denied");
            (status == 200 && !denied).then_some(text)
        };
        for (ways, [flag, value], reached) in &steps {
            for way in ways {
                // A process has a `/proc` of its own, in which no other process is.
                if name == "process" && way.contains(" /proc/") {
                    assert_eq!(is(way).await.as_deref(), *reached, "{way}");
                    let of_server = read(format!("/proc/{}/cmdline", server.id()));
                    assert_eq!(is(&of_server).await, None, "{of_server}");
                    continue;
                }
                assert_eq!(is(way).await, None, "{name}: {way}");
            }
            let to = data.path().to_str().unwrap();
            let granted = run(["plugin", "grant", OWN, flag, value, "--data-dir", to]);
            assert!(granted.status.success(), "{granted:?}");
            let way = ways.last().unwrap();
            // Each granted directory is a mount of its own for a process, and a link
            // cannot cross mounts.
            let crosses = name == "process" && way.starts_with("hard-link");
            let reached = reached.filter(|_| !crosses);
            assert_eq!(is(way).await.as_deref(), reached, "{name}: {way}");
        }
        if name != "process" {
            let file = std::fs::read_to_string(&linked);
            assert_eq!(file.unwrap(), "secret", "{name}");
            std::fs::remove_file(&linked).unwrap();
        }
        server.stop().await;
    }
}

/// Plugins run as the server's user: what else that user may use is not theirs.
#[tokio::test]
async fn orders_are_given_by_nobody_without_the_data_directorys_key() {
    for (name, bytes) in backends() {
        let data = Data::new();
        put(&data, name, &bytes);
        let grants = format!("[\"{OWN}\"]\nwebhook = true\n");
        std::fs::write(data.path().join("grants.toml"), grants).unwrap();
        let server = data.serve().await;
        let told = Told::of(&server, ADMIN, OWN).await;
        enable(&server, &told, ADMIN).await;
        let to = data.path().to_str().unwrap();
        let grant = |flag: &str, value: &str| {
            let granted = run(["plugin", "grant", OWN, flag, value, "--data-dir", to]);
            assert!(granted.status.success(), "{granted:?}");
        };

        let read = format!("read-file {to}/running.json");
        assert_ne!(told.asked(&read).await.0, 200, "{name}");
        grant("--http", &server.url().replace("http://", ""));
        let asked = told
            .does(&format!("http {}/admin/plugins", server.url()))
            .await;
        assert!(asked.starts_with("401"), "{name}: {asked}");

        // Nobody can be given the directory, and so the key.
        let granted = run(["plugin", "grant", OWN, "--dir", to, "--data-dir", to]);
        assert!(!granted.status.success(), "{granted:?}");
        let text = String::from_utf8_lossy(&granted.stderr);
        assert!(text.contains("the server's own directory"), "{text}");
        assert_ne!(told.asked(&read).await.0, 200, "{name}");
        for wrong in ["", "K"] {
            let request = server.request(Method::GET, "/admin/plugins");
            let request = request.header("X-Mortise-Key", wrong);
            assert_eq!(
                request.send().await.unwrap().status(),
                401,
                "{name}: `{wrong}`"
            );
        }
        server.stop().await;
    }
}
