//! Settings from a file, variables and flags, and signals about them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Command, Output, Stdio},
};

use crate::text;

/// The program in a folder, without settings from outside.
fn mortise(folder: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mortise"));
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars() {
        if name.starts_with("MORTISE_") || name.starts_with("GOTIFY_") {
            command.env_remove(name);
        }
    }
    command
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The value of a setting, and where it is from.
fn setting(shown: &serde_json::Value, name: &str) -> (String, String) {
    let all = shown["settings"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name).unwrap();
    let values: Vec<_> = one["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_str().unwrap())
        .collect();
    (values.join(","), one["from"].as_str().unwrap().to_owned())
}

#[test]
fn each_source_wins_over_those_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(
        folder.path().join("data/mortise.toml"),
        "listen = '127.0.0.1:1'\nregistration = true\nadmin-password = 'a hidden word'\n\
         trusted-proxy = ['10.0.0.0/8', '::1']\nstream-ping = '10s'\n\
         acme-eab-key-id = 'kid-1'\nacme-eab-hmac-key = 'a hidden word too'\n",
    )
    .unwrap();
    let show = ["config", "show", "--json", "--filter-deadline", "3s"];
    let output = mortise(folder.path(), &show)
        .env("MORTISE_STREAM_PING", "20s")
        .env("GOTIFY_SERVER_STREAM_PINGPERIODSECONDS", "30")
        .env("GOTIFY_SERVER_PORT", "2")
        .env("GOTIFY_PASSSTRENGTH", "10")
        .output()
        .unwrap();
    let shown = json(&output);
    for (name, value, from) in [
        ("filter-deadline", "3s", "flag"),
        ("stream-ping", "20s", "MORTISE_STREAM_PING"),
        ("listen", "[::]:2", "GOTIFY_SERVER_PORT"),
        ("registration", "true", "data/mortise.toml"),
        ("trusted-proxy", "10.0.0.0/8,::1", "data/mortise.toml"),
        ("admin-password", "(hidden)", "data/mortise.toml"),
        ("acme-eab-key-id", "kid-1", "data/mortise.toml"),
        ("acme-eab-hmac-key", "(hidden)", "data/mortise.toml"),
        ("max-streams", "128", "default"),
    ] {
        assert_eq!(
            setting(&shown, name),
            (value.to_owned(), from.to_owned()),
            "{name}"
        );
    }
    assert!(
        shown["notes"][0]
            .as_str()
            .unwrap()
            .contains("GOTIFY_PASSSTRENGTH")
    );
    let people = mortise(folder.path(), &["config", "show"])
        .output()
        .unwrap();
    let people = String::from_utf8(people.stdout).unwrap();
    assert!(
        people.contains("data/mortise.toml") && !people.contains("a hidden word"),
        "{people}"
    );
}

#[test]
fn wrong_settings_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.toml");
    for (content, says) in [
        ("lisen = 'x'", "did you mean `listen`?"),
        ("max-streams = 'many'", "m.toml: `max-streams`"),
        ("listen = ", "is no TOML"),
        ("registry-ca = '/nowhere'", "authorities in /nowhere"),
        ("tls-cert = '/nowhere'", "tls-key is not"),
        (
            "tls-cert = '/nowhere'\ntls-key = '/nowhere'",
            "cannot read /nowhere",
        ),
        ("acme-domain = '*.example.org'", "write each name"),
        ("acme-contact = 'ann'", "is no mail address"),
        ("acme-directory = 'http://ca.example'", "with https"),
        ("acme-domain = 'a.example'", "set --acme-accept-terms"),
        ("acme-eab-key-id = ''", "no key id"),
        (
            "acme-domain = 'a.example'\nacme-accept-terms = true\nacme-eab-key-id = 'kid'",
            "acme-eab-hmac-key is not",
        ),
        (
            "acme-domain = 'a.example'\nacme-accept-terms = true\nacme-eab-hmac-key = 'c2VjcmV0'",
            "acme-eab-key-id is not",
        ),
        (
            "acme-domain = 'a.example'\nacme-accept-terms = true\nacme-eab-key-id = 'kid'\n\
             acme-eab-hmac-key = 'no/base64url'",
            "acme-eab-hmac-key is no base64url",
        ),
        (
            "acme-domain = ['a.example', 'b.example']\nacme-accept-terms = true\n\
             acme-root = '/nowhere'",
            "cannot read /nowhere",
        ),
        (
            "acme-domain = 'a.example'\nacme-accept-terms = true\ntls-key = '/nowhere'",
            "both set",
        ),
        (
            "oidc-issuer = 'https://login.example'",
            "oidc-client-id is not",
        ),
        (
            "max-message-size = '1GiB'",
            "plugins take messages of at most",
        ),
    ] {
        fs::write(&file, content).unwrap();
        let arguments = ["config", "check", "--config", text(&file)];
        let output = mortise(folder.path(), &arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{content}: {said}");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(says), "{content}: {said}");
        assert!(!said.contains("no/base64url"), "{content}: {said}");
    }
    let output = mortise(folder.path(), &["config", "check"])
        .env("GOTIFY_OIDC_ENABLED", "true")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("GOTIFY_OIDC_ENABLED"), "{said}");
    fs::write(&file, "max-streams = 0\noidc-client-id = 'push'\n").unwrap();
    let mut arguments = vec!["config", "check", "--json", "--config", text(&file)];
    // Two settings that belong together may be in two places.
    arguments.extend(["--oidc-issuer", "https://login.example"]);
    let output = mortise(folder.path(), &arguments).output().unwrap();
    assert_eq!(json(&output)["ok"], true);
    let arguments = ["serve", "--config", "none.toml"];
    let output = mortise(folder.path(), &arguments).output().unwrap();
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("none.toml")
    );
}

#[test]
fn gotifys_settings_are_written_in_this_form() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("config.yml");
    fs::write(
        &old,
        "server:\n  port: 8000\n  trustedproxies: [127.0.0.1]\ndefaultuser:\n  pass: \"a\\\"b\"\n\
         registration: true\npassstrength: 10\n",
    )
    .unwrap();
    let new = folder.path().join("mortise.toml");
    let import = ["config", "import", text(&old), "--write", text(&new)];
    assert!(mortise(folder.path(), &import).status().unwrap().success());
    let written = fs::read_to_string(&new).unwrap();
    assert!(
        written.contains("# GOTIFY_PASSSTRENGTH has no effect"),
        "{written}"
    );
    let again = mortise(folder.path(), &import).output().unwrap();
    assert!(!again.status.success());
    let show = ["config", "show", "--json", "--config", text(&new)];
    let shown = json(&mortise(folder.path(), &show).output().unwrap());
    assert_eq!(setting(&shown, "listen").0, "[::]:8000");
    assert_eq!(setting(&shown, "registration").0, "true");
    assert_eq!(setting(&shown, "trusted-proxy").0, "127.0.0.1");
    let nothing = mortise(folder.path(), &["config", "import"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8(nothing.stderr)
            .unwrap()
            .contains("nothing to import")
    );
}

#[test]
fn settings_of_gotify_that_have_no_effect_are_remarked_upon() {
    let folder = tempfile::tempdir().unwrap();
    let unread = folder.path().join("gotify-server.env");
    fs::write(&unread, "GOTIFY_SERVER_PORT=1\n").unwrap();
    let notes = |arguments: &[&str]| {
        let mut command = mortise(folder.path(), arguments);
        let output = command.env("GOTIFY_SERVER_PROT", "2").output().unwrap();
        json(&output)["notes"].to_string()
    };
    let shown = notes(&["config", "show", "--json"]);
    assert!(shown.contains("GOTIFY_SERVER_PROT"), "{shown}");
    assert!(
        shown.contains("mortise config import gotify-server.env"),
        "{shown}"
    );
    // With a file of this server, the other one is of the past.
    let own = folder.path().join("mortise.toml");
    fs::write(&own, "").unwrap();
    let shown = notes(&["config", "show", "--json", "--config", text(&own)]);
    assert!(!shown.contains("config import"), "{shown}");
}

/// A server in a process of its own, killed at the end.
struct Served(std::process::Child);

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines(child: &mut std::process::Child) -> impl Iterator<Item = String> + use<> {
    let err = child.stderr.take().unwrap();
    BufReader::new(err).lines().map(Result::unwrap)
}

fn ready(child: &mut std::process::Child) -> String {
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    ready["url"].as_str().unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn a_signal_has_the_settings_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.toml");
    fs::write(&file, "listen = '127.0.0.1:0'\n").unwrap();
    let arguments = ["serve", "--json", "--config", text(&file)];
    let mut served = Served(
        mortise(folder.path(), &arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let url = ready(&mut served.0);
    let mut log = lines(&mut served.0);
    let pid = rustix::process::Pid::from_child(&served.0);
    let mut reloaded = |content: &str, says: &str| {
        fs::write(&file, content).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
        let found = log.find(|line| line.contains(says));
        assert!(found.is_some(), "the log ended without {says}");
    };
    reloaded(
        "listen = '127.0.0.1:0'\nregistration = true\n",
        "read the settings again",
    );
    let info = async || {
        let info = reqwest::get(format!("{url}/gotifyinfo")).await.unwrap();
        info.json::<serde_json::Value>().await.unwrap()["register"].clone()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(info()), true);
    reloaded("registration = 7\n", "the settings stay as they were");
    assert_eq!(runtime.block_on(info()), true);
    reloaded(
        "listen = '127.0.0.1:1'\n",
        "these change when the server is started again",
    );
    assert_eq!(runtime.block_on(info()), false);
}

#[cfg(unix)]
#[test]
fn a_socket_of_systemd() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // As systemd does it: the socket is descriptor 3, and the variables name the
    // process that it is for.
    let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve --json --listen systemd";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_mortise")])
        .current_dir(folder.path())
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut served = Served(command.spawn().unwrap());
    ready(&mut served.0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let health = runtime.block_on(reqwest::get(format!("http://{address}/health")));
    assert_eq!(health.unwrap().status(), 200);
    let nothing = mortise(
        folder.path(),
        &["serve", "--listen", "systemd", "--data-dir", "other"],
    )
    .output()
    .unwrap();
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(said.contains("no socket was passed on"), "{said}");
}

#[test]
fn scripts_manage_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--json", "--listen", "127.0.0.1:0"];
    let mut served = Served(
        mortise(folder.path(), &arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let url = ready(&mut served.0);
    let run = |arguments: &[&str]| -> String {
        let output = mortise(folder.path(), arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let fails = |arguments: &[&str], says: &str| {
        let output = mortise(folder.path(), arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    };
    fails(&["send", "hello"], "mortise app add");
    let token = run(&["app", "add", "backup", "--priority", "4"]);
    let token = token.trim();
    assert_eq!(token.len(), 15);
    assert_eq!(run(&["send", "hello"]), "sent as message 1\n");
    run(&["app", "add", "other"]);
    fails(&["send", "hello"], "--app: ");
    fails(&["send", "--app", "third", "hello"], "there are: ");
    let sent = run(&[
        "send", "--json", "--app", "backup", "-t", "T", "-p", "7", "hello",
    ]);
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(
        (&sent["title"], &sent["priority"]),
        (&"T".into(), &7.into())
    );
    // From another machine, with the application's token.
    assert_eq!(
        run(&["send", "--url", &url, "--token", token, "far"]),
        "sent as message 3\n"
    );
    let listed = run(&["message", "list", "--app", "backup"]);
    assert!(
        listed.contains("far") && listed.contains("backup"),
        "{listed}"
    );
    let newest = run(&["message", "list", "-n", "1", "--json"]);
    let newest: serde_json::Value = serde_json::from_str(&newest).unwrap();
    assert_eq!(
        (&newest[0]["id"], newest.as_array().unwrap().len()),
        (&3.into(), 1)
    );
    assert!(!run(&["message", "list", "--before", "2"]).contains("far"));
    assert_eq!(
        run(&["message", "delete", "1", "2"]),
        "deleted 2 messages\n"
    );
    fails(&["message", "delete", "2"], "message 2");
    fails(&["message", "delete", "--app", "third"], "there are: ");
    run(&["message", "delete", "--app", "backup"]);
    assert_eq!(run(&["message", "list"]), "there is no message\n");
    let new = run(&["app", "token", "backup"]);
    assert_ne!(new.trim(), token);
    fails(&["send", "--url", &url, "--token", token, "far"], "token");
    assert!(run(&["app", "list"]).contains("backup"));
    let keeps = ["--keep-messages", "500", "--keep-messages-for", "30days"];
    let retention = [&["app", "retention", "other"][..], &keeps].concat();
    let expected = "application 2 keeps the newest 500 messages for 30days\n";
    assert_eq!(run(&retention), expected);
    let all = "application 2 keeps all messages\n";
    assert_eq!(run(&["app", "retention", "other"]), all);
    run(&["app", "delete", "other"]);

    let client = run(&["client", "add", "phone"]);
    assert!(client.starts_with('C'));
    assert!(run(&["client", "list"]).contains("phone"));
    run(&["client", "delete", "phone"]);
    fails(&["client", "delete", "phone"], "there is no client");

    assert!(run(&["user", "add", "ann"]).contains("password, shown only now: "));
    fails(&["user", "add", "ann"], "already exists");
    assert!(run(&["user", "list"]).contains("ann"));
    let server = "your timers go by the server's time zone\n";
    assert_eq!(run(&["user", "timezone"]), server);
    let berlin = "your timers go by the time zone Europe/Berlin\n";
    assert_eq!(run(&["user", "timezone", "Europe/Berlin"]), berlin);
    let shown = run(&["user", "timezone", "--json"]);
    assert_eq!(shown, "{\"timeZone\":\"Europe/Berlin\"}\n");
    fails(&["user", "timezone", "Mars"], "`Mars` is no time zone");
    assert_eq!(run(&["user", "timezone", ""]), server);
    let changed = run(&["user", "password", "ann", "--json"]);
    let changed: serde_json::Value = serde_json::from_str(&changed).unwrap();
    let password = changed["password"].as_str().unwrap();
    let as_ann = mortise(
        folder.path(),
        &["app", "list", "--url", &url, "--user", "ann"],
    )
    .env("MORTISE_PASSWORD", password)
    .output()
    .unwrap();
    assert!(as_ann.status.success(), "{as_ann:?}");
    run(&["user", "delete", "ann"]);

    assert!(run(&["health"]).starts_with("healthy: "));
    let elsewhere = ["health", "--data-dir", "other"];
    fails(&elsewhere, "--url");
    let by_address = mortise(folder.path(), &elsewhere)
        .env("MORTISE_URL", &url)
        .output()
        .unwrap();
    assert!(by_address.status.success(), "{by_address:?}");

    let copy = folder.path().join("copy");
    assert!(run(&["backup", text(&copy)]).starts_with("copied "));
    assert!(run(&["backup", "--check", text(&copy)]).starts_with("checked "));
    fails(&["restore", text(&copy)], "stop its server");
    run(&["restore", text(&copy), "--data-dir", "restored"]);
    fails(
        &["import", text(&copy.join("mortise.db"))],
        "database of Mortise",
    );
}
