//! Plugins in three languages, in Debian's registry: published, shown, installed,
//! granted, updated and rolled back, all on the command line.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use mortise_tests::{
    guests,
    minisign::Signer,
    natives,
    registry::{LOGIN, Registry},
    server::{Data, Server, body, program},
};
use reqwest::Method;
use serde_json::{Value, json};

const RUST: &str = "io.mortise.soak.n0000";
const GO: &str = "test.registry.go";
const PYTHON: &str = "test.registry.python";

/// A plugin in Go that receives webhooks. A later version sets timers too.
const SOURCE: &str = r#"package main

import mortise "github.com/mortise-plugins/mortise/guest-sdk/go"

var version, more = "1.0.0", ""

type plugin struct{}

func init() {
	wants := []mortise.Want{mortise.WantWebhook("to be told")}
	if more != "" {
		wants = append(wants, mortise.WantTimers(more))
	}
	manifest := mortise.Manifest{ID: "test.registry.go", Name: "Go", Version: version, Wants: wants}
	mortise.Export(manifest, func(*mortise.Host) any { return &plugin{} })
}

func main() { mortise.Run() }
"#;

/// The command line, with the login for a registry.
struct Shell<'a> {
    data: &'a Data,
    docker: PathBuf,
}

impl Shell<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.arg("plugin").args(arguments).stdin(Stdio::null());
        for variable in ["URL", "TOKEN", "USER", "PASSWORD"] {
            command.env_remove(format!("MORTISE_{variable}"));
        }
        command
            .env("MORTISE_DATA_DIR", self.data.path())
            .env("DOCKER_CONFIG", &self.docker);
        command.output().unwrap()
    }

    /// Returns its output; it must succeed.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.said(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Returns its output and its errors; it must fail.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap().replace('│', " ");
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Writes a file that may be executed.
fn executable(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::write(file, bytes).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The component in Rust, in a version of the same length.
fn rust(file: &Path, version: &str) {
    let mut bytes = std::fs::read(guests::example("stamp")).unwrap();
    let old = b"1.0.1000";
    let at = bytes.windows(old.len()).position(|window| window == old);
    bytes[at.unwrap()..][..old.len()].copy_from_slice(version.as_bytes());
    std::fs::write(file, bytes).unwrap();
}

/// The program in Go, in a version.
fn go(folder: &Path, file: &Path, version: &str, more: &str) {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/go");
    let module = format!(
        "module test\n\ngo 1.24\n\nrequire github.com/mortise-plugins/mortise/guest-sdk/go v0.0.0\n\n\
         require gopkg.in/yaml.v3 v3.0.1 // indirect\n\n\
         replace github.com/mortise-plugins/mortise/guest-sdk/go => {}\n",
        sdk.canonicalize().unwrap().display()
    );
    std::fs::write(folder.join("go.mod"), module).unwrap();
    std::fs::copy(sdk.join("go.sum"), folder.join("go.sum")).unwrap();
    std::fs::write(folder.join("main.go"), SOURCE).unwrap();
    let flags = format!("-X main.version={version} -X main.more={more}");
    let built = Command::new("go")
        .args(["build", "-ldflags", &flags, "-o"])
        .arg(file)
        .current_dir(folder)
        .output()
        .expect("install Go 1.24 or newer, for example Debian's package golang-go");
    assert!(built.status.success(), "{built:?}");
}

async fn status(server: &Server, id: &str) -> Value {
    let path = format!("/admin/plugins/{id}");
    body(server.admin(Method::GET, &path).send().await.unwrap()).await
}

#[tokio::test]
async fn plugins_in_three_languages_live_in_a_registry() {
    let registry = Registry::closed();
    let data = Data::new();
    let shell = Shell {
        data: &data,
        docker: registry.docker_config(LOGIN),
    };
    let mut command = data.command();
    command.env("DOCKER_CONFIG", &shell.docker);
    let server = data.serve_with(command).await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let signer = Signer::new();
    let key = format!("{} Frank\n", signer.public());
    std::fs::write(data.path().join("trusted-keys"), key).unwrap();

    // First versions: a signed component, a program in Go for two platforms, and a
    // program in Python.
    let (component, python) = (at("stamp.wasm"), at("stamp"));
    rust(Path::new(&component), "1.0.1000");
    let signature = signer.sign(&std::fs::read(&component).unwrap());
    std::fs::write(at("stamp.wasm.minisig"), signature).unwrap();
    std::fs::write(at("README.md"), "# Stamp\n").unwrap();
    let readme = at("README.md");
    let rust_at = registry.reference("plugins/stamp");
    let pushed = shell.json(&["push", &component, &rust_at, "--readme", &readme]);
    assert_eq!(pushed["reference"], format!("{rust_at}:1.0.1000"));
    assert_eq!(
        pushed["digest"],
        shell.json(&["push", &component, &rust_at, "--readme", &readme])["digest"]
    );

    let (program, other) = (at("uptime"), at("uptime-of-another"));
    go(folder.path(), Path::new(&program), "1.0.0", "");
    std::fs::write(&other, "for another machine").unwrap();
    let go_at = registry.reference("go:stable");
    let architecture = if cfg!(target_arch = "x86_64") {
        "amd64"
    } else {
        "arm64"
    };
    let here = format!("linux/{architecture}={program}");
    let there = format!("linux/s390x={other}");
    shell.said(&["push", &go_at, "--platform", &there, "--platform", &here]);
    let said = shell.refused(&["push", &go_at, "--platform", &there]);
    assert!(said.contains("none of the files is for linux/"), "{said}");

    executable(Path::new(&python), &natives::stamp(PYTHON, "1.0.0"));
    let python_at = registry.reference("python");
    shell.said(&["push", &python, &format!("{python_at}:v1.0.0")]);

    // What is shown before it is installed.
    let said = shell.said(&["install", &format!("{rust_at}:1.0.1000")]);
    let (shown, installed) = said.split_once("installed ").unwrap();
    let digest = pushed["digest"].as_str().unwrap();
    for part in [
        RUST,
        "1.0.1000",
        "Frank",
        "filter-messages",
        "to stamp messages",
        digest,
    ] {
        assert!(shown.contains(part), "{part} is not in {said}");
    }
    assert!(
        installed.starts_with(&format!("{RUST} 1.0.1000\n")),
        "{said}"
    );
    let now = status(&server, RUST).await;
    assert_eq!(now["signature"], json!({ "is": "trusted", "key": "Frank" }));
    assert_eq!(now["source"]["digest"], digest);
    assert_eq!(now["source"]["file"], now["digest"]);
    assert!(
        shell
            .said(&["status", RUST])
            .contains(&format!("{rust_at}:1.0.1000"))
    );
    let wrong = format!("sha256:{}", "0".repeat(64));
    let said = shell.refused(&["install", &rust_at, "--digest", &wrong]);
    assert!(said.contains("is not in the registry"), "{said}");

    let said = shell.said(&["install", &go_at]);
    assert!(
        said.contains("webhook") && said.contains("no key"),
        "{said}"
    );
    shell.said(&["install", &format!("{python_at}:v1.0.0")]);
    shell.said(&["grant", GO, "--as-asked"]);
    for id in [RUST, GO, PYTHON] {
        server.enable(id, None).await;
    }
    let said = shell.said(&["update", "--all"]);
    assert_eq!(said.matches("is up to date").count(), 3, "{said}");

    // New versions: of the component and in Python with a higher tag; in Go the tag
    // moves, and the version asks for more.
    rust(Path::new(&component), "1.0.1001");
    let signature = signer.sign(&std::fs::read(&component).unwrap());
    std::fs::write(at("stamp.wasm.minisig"), signature).unwrap();
    shell.said(&["push", &component, &rust_at]);
    shell.said(&["push", &component, &format!("{rust_at}:2.0.0-beta.1")]);
    go(folder.path(), Path::new(&program), "1.1.0", "watching");
    shell.said(&["push", &program, &go_at]);
    executable(Path::new(&python), &natives::stamp(PYTHON, "1.1.0"));
    shell.said(&["push", &python, &format!("{python_at}:v1.1.0")]);

    let said = shell.said(&["update", "--all", "--dry-run"]);
    for part in [
        "1.0.1000",
        "1.0.1001",
        "+ timers: watching",
        "v1.1.0",
        "nothing more",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert_eq!(status(&server, RUST).await["version"], "1.0.1000");
    let said = shell.said(&["update", "--all"]);
    assert!(said.contains(&format!("updated {RUST} 1.0.1001")), "{said}");
    assert!(said.contains(&format!("updated {PYTHON} 1.1.0")), "{said}");
    assert!(said.contains("waits for your approval"), "{said}");
    assert_eq!(status(&server, GO).await["version"], "1.0.0");
    assert_eq!(status(&server, GO).await["waiting"]["because"], "pending");
    let said = shell.said(&["update", GO]);
    assert!(
        said.contains("is up to date"),
        "a pending version is not downloaded again: {said}"
    );
    shell.said(&["approve", GO]);
    assert_eq!(status(&server, GO).await["version"], "1.1.0");
    let source = &status(&server, RUST).await["source"];
    assert_eq!(source["reference"], format!("{rust_at}:1.0.1001"));

    // They work, and go back.
    let token = server.application("backup").await;
    let title = async || {
        let message = json!({ "title": "a", "message": "b" });
        let sent = body(server.send(&token, &message).await).await;
        sent["title"].as_str().unwrap().to_owned()
    };
    let stamped = title().await;
    assert!(
        stamped.contains("|1.0.1001") && stamped.contains("|1.1.0"),
        "{stamped}"
    );
    for (id, version) in [(RUST, "1.0.1000"), (PYTHON, "1.0.0"), (GO, "1.0.0")] {
        let said = shell.said(&["rollback", id]);
        assert!(said.contains(version), "{said}");
    }
    let stamped = title().await;
    assert!(
        stamped.contains("|1.0.1000") && stamped.contains("|1.0.0"),
        "{stamped}"
    );
    let found = shell.json(&["update", RUST, "--dry-run"]);
    assert_eq!(found["found"]["new"], true, "{found}");

    // A file from elsewhere ends the connection with the registry.
    shell.said(&["install", &component]);
    assert_eq!(status(&server, RUST).await["source"], Value::Null);
    let said = shell.refused(&["update", RUST]);
    assert!(said.contains("was not installed from a registry"), "{said}");
    // A version by its digest has no newer one, and the others are updated anyway.
    let pinned = format!("{rust_at}@{digest}");
    shell.said(&["install", &pinned]);
    let output = shell.run(&["update", "--all"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("names its version by digest"), "{said}");
    assert!(said.contains(&format!("updated {PYTHON} 1.1.0")), "{said}");
    // The record is in the database.
    server.stop().await;
    let server = data.serve().await;
    assert_eq!(status(&server, RUST).await["source"]["reference"], pinned);
}

#[test]
fn a_push_that_cannot_be_says_why() {
    let data = Data::new();
    let registry = Registry::closed();
    let shell = Shell {
        data: &data,
        docker: data.path().join("none"),
    };
    let component = data.path().join("stamp.wasm");
    rust(&component, "1.0.1000");
    let component = component.to_str().unwrap();
    let at = registry.reference("stamp");
    let digest = format!("{at}@sha256:{}", "0".repeat(64));
    for (arguments, words) in [
        (
            vec![component, &*at],
            vec!["wants credentials", "docker login"],
        ),
        (
            vec![component, &digest],
            vec!["has a digest", "write a tag"],
        ),
        (vec![component], vec!["name the file and the address"]),
        (vec![component, "oci://stamp"], vec!["no host"]),
        (vec!["/no/such/file", &*at], vec!["/no/such/file"]),
        (
            vec![&*at, "--platform", "linux/amd64/v2=x"],
            vec!["is not a platform", "linux/amd64"],
        ),
    ] {
        let output = shell.run(&[&["push"], &arguments[..]].concat());
        assert!(!output.status.success(), "{output:?}");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap().replace('│', " ");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said}");
        }
    }
}
