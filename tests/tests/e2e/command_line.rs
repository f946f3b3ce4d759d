//! Orders on the command line, with the real program on both ends.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use mortise_runtime::Digest;
use mortise_tests::{
    components, guests,
    minisign::Signer,
    server::{Data, PASSWORD, USER, program},
    web,
};
use serde_json::Value;

const ID: &str = "test.cli";

/// A version of a plugin that does nothing.
fn version(text: &str) -> Vec<u8> {
    let data = format!("(data (i32.const 16) \"{text}\")");
    components::plugin(ID, "", &data).unwrap()
}

/// `mortise plugin` as the administrator of a data directory.
pub(crate) fn plugin(data: &Data, arguments: &[&str]) -> Command {
    command(data, &[&["plugin"], arguments].concat())
}

/// `mortise` on a data directory, with these arguments.
fn command(data: &Data, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null());
    for variable in ["URL", "TOKEN", "USER", "PASSWORD"] {
        command.env_remove(format!("MORTISE_{variable}"));
    }
    command.env("MORTISE_DATA_DIR", data.path());
    command
}

/// Returns the output of `mortise`; it must succeed.
pub(crate) fn told(data: &Data, arguments: &[&str]) -> String {
    good(command(data, arguments).output().unwrap())
}

/// Returns the output of `mortise plugin`; it must succeed.
pub(crate) fn said(data: &Data, arguments: &[&str]) -> String {
    good(plugin(data, arguments).output().unwrap())
}

fn good(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(data: &Data, arguments: &[&str]) -> Value {
    serde_json::from_str(&said(data, &[arguments, &["--json"]].concat())).unwrap()
}

/// Returns its standard error; it must fail.
pub(crate) fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    // Where lines are broken says nothing.
    let said = String::from_utf8(output.stderr).unwrap();
    said.replace('│', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(unix)]
#[test]
fn an_executable_is_inspected_as_a_component_is() {
    let data = Data::new();
    let file = data.path().join("stamp");
    let program = mortise_tests::natives::stamp("org.example.stamp", "1.0.0");
    std::fs::write(&file, program).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, executable).unwrap();
    let file = file.to_str().unwrap();
    let shown = said(&data, &["inspect", file]);
    for part in [
        "Stamp 1.0.0",
        "org.example.stamp",
        "native",
        "filter-messages",
        "It stamps them.",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let described = json(&data, &["inspect", file]);
    assert_eq!(described["backend"], "native");
    assert_eq!(described["manifest"]["id"], "org.example.stamp");

    let component = data.path().join("component.wasm");
    std::fs::write(&component, version("1")).unwrap();
    let described = json(&data, &["inspect", component.to_str().unwrap()]);
    assert_eq!(described["backend"], "wasm");
    assert!(described["exports"].is_array(), "{described}");

    let listener = mortise_tests::guests::example("everything");
    let shown = said(&data, &["inspect", listener.to_str().unwrap()]);
    let listens = "listens   to all applications that it may read, from priority -1000 on";
    assert!(shown.contains(listens), "{shown}");
}

#[tokio::test]
async fn a_plugin_goes_through_its_whole_life() {
    let data = Data::new();
    let server = data.serve().await;
    assert!(said(&data, &["list"]).contains("no plugin is installed"));

    // From a file, from standard input, from a URL.
    let (one, two, three) = (version("one"), version("two"), version("three"));
    let file = data.path().join("one.wasm");
    std::fs::write(&file, &one).unwrap();
    let text = said(&data, &["install", file.to_str().unwrap()]);
    assert!(text.starts_with("installed test.cli 1.0.0\n"), "{text}");
    assert!(text.contains("mortise plugin enable test.cli"), "{text}");

    let mut install = plugin(&data, &["install", "-", "--json"]);
    let mut child = install
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&two).unwrap();
    let installed: Value = serde_json::from_str(&good(child.wait_with_output().unwrap())).unwrap();
    assert_eq!(installed["digest"], Digest::of(&two).to_string());
    assert_eq!(
        installed["previous"]["digest"],
        Digest::of(&one).to_string()
    );

    let url = web::serving(vec![web::file(&three), web::redirect("/0")]);
    let url = format!("{url}/1");
    let said_no = refused(plugin(&data, &["install", &url]));
    assert!(said_no.contains("--digest"), "{said_no}");
    let wrong = Digest::of(&one).to_string();
    let said_no = refused(plugin(&data, &["install", &url, "--digest", &wrong]));
    assert!(said_no.contains("it is not the expected file"), "{said_no}");
    let right = Digest::of(&three).to_string();
    let installed = json(&data, &["install", &url, "--digest", &right]);
    assert_eq!(installed["digest"], right);

    let text = said(&data, &["enable", ID]);
    assert!(text.starts_with("enabled test.cli\n"), "{text}");
    assert_eq!(server.plugin(ID).await.unwrap()["enabled"], true);
    let text = said(&data, &["list"]);
    assert!(
        text.contains("test.cli") && text.contains("loaded"),
        "{text}"
    );
    let text = said(&data, &["status", ID]);
    assert!(text.contains(&right), "{text}");
    assert_eq!(json(&data, &["reload", ID])["digest"], right);
    let back = json(&data, &["rollback", ID]);
    assert_eq!(back["digest"], Digest::of(&two).to_string());
    assert_eq!(json(&data, &["status", ID]), back);
    said(&data, &["logs", ID]);
    let text = said(&data, &["doctor", ID]);
    assert_eq!(text, "ok test.cli\n  contract  0.2.0\n");
    said(&data, &["disable", ID]);
    let text = said(&data, &["doctor", ID]);
    assert!(text.contains("  fix       each user decides"), "{text}");
    let absent = plugin(&data, &["doctor", "not.there", "--json"]).output();
    let absent = absent.unwrap();
    assert_eq!(absent.status.code(), Some(1));
    let absent: Value = serde_json::from_slice(&absent.stdout).unwrap();
    assert_eq!(absent["findings"][0]["condition"], "not_installed");
    said(&data, &["uninstall", ID]);
    assert_eq!(json(&data, &["list"])["plugins"], serde_json::json!([]));

    let audit = json(&data, &["audit", ID]);
    let entries = audit["entries"].as_array().unwrap();
    let actions: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "installed",
            "replaced",
            "replaced",
            "enabled",
            "reloaded",
            "rolled back",
            "disabled",
            "removed"
        ]
    );
    assert!(entries.iter().all(|entry| entry["by"] == "command line"));
    let table = said(&data, &["audit"]);
    assert!(table.contains("command line, as admin"), "{table}");
    server.stop().await;
}

#[tokio::test]
async fn a_part_of_an_id_names_the_plugin_that_alone_has_it() {
    let data = Data::new();
    for name in ["weather", "uptime"] {
        let id = format!("org.example.{name}");
        let component = components::plugin(&id, "", "").unwrap();
        data.plugin(&format!("{name}.wasm"), &component);
    }
    let server = data.serve().await;
    assert_eq!(
        json(&data, &["status", "weather"])["id"],
        "org.example.weather"
    );
    said(&data, &["enable", "WEATHER"]);
    assert_eq!(
        server.plugin("org.example.weather").await.unwrap()["enabled"],
        true
    );
    assert_eq!(
        server.plugin("org.example.uptime").await.unwrap()["enabled"],
        false
    );
    let ambiguous = refused(plugin(&data, &["disable", "example"]));
    for id in ["org.example.weather", "org.example.uptime"] {
        assert!(ambiguous.contains(id), "{ambiguous}");
    }
    assert_eq!(
        server.plugin("org.example.weather").await.unwrap()["enabled"],
        true
    );
    let unknown = refused(plugin(&data, &["reload", "clock"]));
    assert!(unknown.contains("installed: "), "{unknown}");
    server.stop().await;
}

#[tokio::test]
async fn a_plugin_is_configured_and_shown_as_its_user_has_it() {
    const ID: &str = "io.mortise.alertmanager";
    let data = Data::new();
    let component = std::fs::read(guests::example("alertmanager")).unwrap();
    data.plugin("alertmanager.wasm", &component);
    let server = data.serve().await;
    said(&data, &["grant", ID, "--as-asked"]);
    said(&data, &["enable", ID]);

    // The author's defaults, and what replaces them, byte for byte.
    let defaults = said(&data, &["config", ID]);
    assert!(defaults.contains("priorities"), "{defaults}");
    let schema: Value = serde_json::from_str(&said(&data, &["config", ID, "--schema"])).unwrap();
    assert!(schema["properties"]["priorities"].is_object(), "{schema}");
    let file = data.path().join("mine.yaml");
    let file = file.to_str().unwrap();
    let mine = defaults + "# mine\n";
    std::fs::write(file, &mine).unwrap();
    let text = said(&data, &["config", ID, file]);
    assert!(
        text.starts_with("configured io.mortise.alertmanager\n"),
        "{text}"
    );
    assert_eq!(said(&data, &["config", ID]), mine);
    assert_eq!(json(&data, &["config", ID])["config"], mine);

    // An error names its place, and nothing changes.
    let mut child = plugin(&data, &["config", ID, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"a: 1\nb: [\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said_no = String::from_utf8(output.stderr).unwrap();
    assert!(said_no.contains("line "), "{said_no}");
    assert_eq!(said(&data, &["config", ID]), mine);
    let absent = refused(plugin(&data, &["config", ID, "/not/there.yaml"]));
    assert!(
        absent.contains("/not/there.yaml cannot be read"),
        "{absent}"
    );

    let shown = json(&data, &["display", ID]);
    let webhook = shown["webhook"].as_str().unwrap();
    assert!(webhook.starts_with("/plugin/"), "{shown}");
    let text = said(&data, &["display", ID]);
    assert!(
        text.contains(shown["display"].as_str().unwrap().trim_end()),
        "{text}"
    );
    assert!(text.contains(webhook), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn a_signature_goes_along_with_what_is_installed() {
    let data = Data::new();
    let signer = Signer::new();
    std::fs::write(data.path().join("trusted-keys"), signer.public()).unwrap();
    let mut command = data.command();
    command.arg("--require-signed-plugins");
    let server = data.serve_with(command).await;
    let (one, two) = (version("one"), version("two"));
    let file = data.path().join("one.wasm");
    let file = file.to_str().unwrap();
    std::fs::write(file, &one).unwrap();
    let output = plugin(&data, &["install", file]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("  step      signature\n"), "{text}");

    // A signature beside a file is found; for other sources it is named.
    std::fs::write(format!("{file}.minisig"), signer.sign(&one)).unwrap();
    let trusted = |shown: &Value| shown["signature"]["is"] == "trusted";
    assert!(trusted(&json(&data, &["install", file])));
    let apart = data.path().join("apart");
    let apart = apart.to_str().unwrap();
    let absent = refused(plugin(&data, &["install", file, "--signature", apart]));
    assert!(absent.contains("apart is not there"), "{absent}");
    std::fs::write(apart, signer.sign(&two)).unwrap();
    let mut child = plugin(&data, &["install", "-", "--json", "--signature", apart])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&two).unwrap();
    let shown: Value = serde_json::from_str(&good(child.wait_with_output().unwrap())).unwrap();
    assert!(trusted(&shown), "{shown}");
    let url = format!("{}/0", web::serving(vec![web::file(&one)]));
    let digest = Digest::of(&one).to_string();
    let beside = format!("{file}.minisig");
    let from_url = ["install", &url, "--digest", &digest, "--signature", &beside];
    assert!(trusted(&json(&data, &from_url)));
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_give_orders_is_told_what_to_do() {
    let data = Data::new();
    let said_no = refused(plugin(&data, &["list"]));
    assert!(
        said_no.contains("no server takes commands") && said_no.contains("--url"),
        "{said_no}"
    );
    let server = data.serve().await;
    let by_address = |arguments: &[&str]| {
        let mut command = plugin(
            &data,
            &[&["list", "--url", server.url()], arguments].concat(),
        );
        command.env("MORTISE_PASSWORD", PASSWORD);
        command
    };
    assert!(refused(by_address(&[])).contains("needs a login"));
    good(by_address(&["--user", USER]).output().unwrap());
    let wrong = refused(by_address(&["--user", "nobody"]));
    assert!(
        wrong.contains("access token or user credentials"),
        "{wrong}"
    );
    let token = server.client("shell").await;
    let weak = refused(by_address(&["--token", &token]));
    assert!(weak.contains("not elevated"), "{weak}");
    let unknown = refused(plugin(&data, &["list", "--user", "nobody"]));
    assert!(
        unknown.contains("no administrator of that name"),
        "{unknown}"
    );
    for order in [
        "status",
        "reload",
        "rollback",
        "uninstall",
        "enable",
        "logs",
    ] {
        let unknown = refused(plugin(&data, &[order, "not.there"]));
        assert!(
            unknown.contains("no plugin `not.there` is installed"),
            "{unknown}"
        );
    }

    // What does not load is reported in full, to a person and to a program.
    let notes = data.path().join("notes.txt");
    std::fs::write(&notes, "read me").unwrap();
    let path = notes.to_str().unwrap();
    let output = plugin(&data, &["install", path]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("  step      decode\n"), "{text}");
    let output = plugin(&data, &["install", path, "--json"])
        .output()
        .unwrap();
    let refusal: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(refusal["report"]["step"], "decode");
    server.stop().await;
}

#[tokio::test]
async fn the_key_is_the_servers_users_alone_and_good_for_one_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = Data::new();
    let file = data.path().join("running.json");
    let server = data.serve().await;
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = std::fs::read(&file).unwrap();
    server.stop().await;
    assert!(!file.exists());

    // A killed server's address has no server.
    drop(data.serve().await);
    assert!(file.exists());
    let none = "no server takes commands";
    let gone = refused(plugin(&data, &["list"]));
    assert!(gone.contains(none), "{gone}");

    // Or another one has its address, or something else.
    let other = Data::new();
    let of_other = other.serve().await;
    let stranger = web::serving(vec![web::file(b"no server of ours")]);
    for url in [of_other.url(), &stranger] {
        let mut left: Value = serde_json::from_slice(&first).unwrap();
        left["address"] = url.replace("http://", "").into();
        std::fs::write(&file, left.to_string()).unwrap();
        let elsewhere = refused(plugin(&data, &["list"]));
        assert!(elsewhere.contains(none), "{elsewhere}");
        // Which is as good as none.
        let grant = ["grant", "not.there", "--timers"];
        let granted = said(&data, &grant);
        assert!(data.path().join("grants.toml").exists(), "{granted}");
        std::fs::remove_file(data.path().join("grants.toml")).unwrap();
    }
    of_other.stop().await;

    // An unreadable file is reported, and the next server replaces it.
    std::fs::write(&file, "{}").unwrap();
    let unreadable = refused(plugin(&data, &["list"]));
    assert!(unreadable.contains("running.json"), "{unreadable}");
    let server = data.serve().await;
    said(&data, &["list"]);
    server.stop().await;
}
