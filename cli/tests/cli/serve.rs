//! `mortise serve`: start, stop, and a kill.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::json;

/// The binary, ended at the latest when the test is.
pub(super) struct Binary(pub(super) Child);

impl Drop for Binary {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn serve(directory: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mortise"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(directory)
        .env("RUST_LOG", "off")
        .env_remove("MORTISE_ADMIN_PASSWORD")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn the_binary_says_where_it_listens_and_ends_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Binary(serve(directory.path()).spawn().unwrap());
    let mut lines = BufReader::new(first.0.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    assert_eq!(line(), "created the administrator `admin`");
    let password = line();
    assert!(password.starts_with("password, shown only now: "));
    assert!(line().starts_with("listening on http://127.0.0.1:"));

    let second = serve(directory.path()).output().unwrap();
    assert!(!second.status.success());
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains("another server is running"), "{text}");
    assert!(text.contains("--data-dir"), "{text}");

    let pid = first.0.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(told.success());
    assert!(first.0.wait().unwrap().success());

    let mut again = Binary(serve(directory.path()).arg("--json").spawn().unwrap());
    let mut line = String::new();
    BufReader::new(again.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(
        ready["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert_eq!(ready["password"], json!(null));
}

#[test]
fn a_killed_server_leaves_what_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ready = |binary: &mut Binary| -> serde_json::Value {
        let mut line = String::new();
        BufReader::new(binary.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        serde_json::from_str(&line).unwrap()
    };
    let mut first = Binary(serve(directory.path()).arg("--json").spawn().unwrap());
    let announced = ready(&mut first);
    let password = announced["password"].as_str().unwrap().to_owned();
    let http = reqwest::Client::new();
    let request = |method: reqwest::Method, url: &serde_json::Value, path: &str| {
        http.request(method, format!("{}{path}", url.as_str().unwrap()))
            .basic_auth("admin", Some(&password))
    };
    let sent: Vec<i64> = runtime.block_on(async {
        let url = &announced["url"];
        let json = async |request: reqwest::RequestBuilder| -> serde_json::Value {
            request.send().await.unwrap().json().await.unwrap()
        };
        let create = request(reqwest::Method::POST, url, "/application");
        let application = json(create.json(&json!({"name": "A"}))).await;
        let mut sent = Vec::new();
        for n in 0..20 {
            let body = json!({"message": n.to_string(), "appid": application["id"]});
            let post = request(reqwest::Method::POST, url, "/message").json(&body);
            sent.push(json(post).await["id"].as_i64().unwrap());
        }
        sent
    });
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let mut second = Binary(serve(directory.path()).arg("--json").spawn().unwrap());
    let announced = ready(&mut second);
    let kept: Vec<i64> = runtime.block_on(async {
        let list = request(reqwest::Method::GET, &announced["url"], "/message");
        let list: serde_json::Value = list.send().await.unwrap().json().await.unwrap();
        let messages = list["messages"].as_array().unwrap();
        messages
            .iter()
            .map(|message| message["id"].as_i64().unwrap())
            .rev()
            .collect()
    });
    assert_eq!(kept, sent);
}

#[test]
fn the_command_line_explains_itself() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_mortise"))
            .args(arguments)
            .output()
            .unwrap()
    };
    let help = run(&["serve", "--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("Examples:"), "{text}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]);
        assert!(script.status.success());
        assert!(!script.stdout.is_empty());
    }
    for (arguments, says) in [
        (["--listen", "nowhere"], "--listen"),
        (["--trusted-proxy", "10.0.0.0/64"], "no network"),
        (["--admin-name", "a:b"], "no colon"),
        (["--admin-password", ""], "1 to 1024"),
    ] {
        let wrong = run(&[&["serve"], arguments.as_slice()].concat());
        assert!(!wrong.status.success());
        let text = String::from_utf8(wrong.stderr).unwrap();
        assert!(text.contains(says), "{text}");
    }
}
