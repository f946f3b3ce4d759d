//! A release of a plugin: built, signed, published with its list of dependencies, and
//! installed on a server that trusts the key.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use mortise_tests::{
    registry::Registry,
    server::{Data, body, program},
};
use reqwest::{Method, header};
use serde_json::Value;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const ID: &str = "test.published";

/// `mortise plugin` in a folder.
fn plugin(folder: &Path, data: &Data, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("MORTISE_DATA_DIR", data.path())
        .env("DOCKER_CONFIG", data.path().join("none"));
    for variable in ["URL", "TOKEN", "USER", "PASSWORD"] {
        command.env_remove(format!("MORTISE_{variable}"));
    }
    command.output().unwrap()
}

/// The line of JSON that a command prints; it must succeed.
fn json(folder: &Path, data: &Data, arguments: &[&str]) -> Value {
    let output = plugin(folder, data, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(folder: &Path, data: &Data, arguments: &[&str]) -> String {
    let output = plugin(folder, data, arguments);
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap().replace('│', " ");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A document of the registry.
async fn document(registry: &Registry, name: &str, version: &str, kind: &str) -> Value {
    let url = format!("http://{}/v2/{name}/manifests/{version}", registry.host());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).header(header::ACCEPT, kind).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200, "{name} {version}");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_release_has_all_platforms_a_signature_and_its_dependencies() {
    let registry = Registry::open();
    let data = Data::new();
    let inside = tempfile::tempdir().unwrap();
    let new = ["new", "released", "--lang", "go", "--id", ID];
    let output = plugin(inside.path(), &data, &new);
    assert!(output.status.success(), "{output:?}");
    let folder = inside.path().join("released");
    let key = inside.path().join("key");
    let public = inside.path().join("key.pub");
    let made = Command::new("minisign")
        .args(["-G", "-W", "-s"])
        .arg(&key)
        .arg("-p")
        .arg(&public)
        .output()
        .expect("Debian's package minisign is there; cargo xtask test installs it");
    assert!(made.status.success(), "{made:?}");
    let key = key.to_str().unwrap();

    // Without an address.
    let native = [
        "publish",
        "--native",
        "--platform",
        "linux/amd64",
        "--platform",
        "linux/arm64",
        "--sign",
        key,
    ];
    let done = json(&folder, &data, &[&native[..], &["--dry-run"]].concat());
    assert_eq!(done["id"], ID);
    let version = done["version"].as_str().unwrap();
    let release = Path::new(done["folder"].as_str().unwrap());
    let mut names: Vec<_> = std::fs::read_dir(release)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "README.md",
        "SHA256SUMS",
        "released-linux-amd64",
        "released-linux-amd64.minisig",
        "released-linux-arm64",
        "released-linux-arm64.minisig",
        "released.cdx.json",
    ];
    assert_eq!(names, expected);
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(release)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let of_arm = std::fs::read(release.join("released-linux-arm64")).unwrap();
    // ELF's field for the processor.
    assert_eq!(of_arm[18], 183, "the executable is for another processor");

    // Published.
    let address = registry.reference("released");
    let done = json(&folder, &data, &[&native[..], &[&address]].concat());
    let index = document(&registry, "released", version, INDEX).await;
    let platforms: Vec<_> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["platform"]["architecture"].as_str().unwrap())
        .collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
    let digest = done["digest"].as_str().unwrap();
    let attached = document(&registry, "released", &digest.replace(':', "-"), INDEX).await;
    let entry = &attached["manifests"][0];
    assert_eq!(entry["artifactType"], "application/vnd.cyclonedx+json");
    let artifact = entry["digest"].as_str().unwrap();
    let artifact = document(&registry, "released", artifact, MANIFEST).await;
    assert_eq!(artifact["subject"]["digest"], digest);
    let layer = artifact["layers"][0]["digest"].as_str().unwrap();
    let url = format!("http://{}/v2/released/blobs/{layer}", registry.host());
    let list: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(list["metadata"]["component"]["name"], ID);
    let components = list["components"].to_string();
    assert!(
        components.contains("pkg:golang/gopkg.in/yaml.v3@"),
        "{components}"
    );

    // Installed by a server that trusts the key.
    let line = std::fs::read_to_string(&public).unwrap();
    let line = line.lines().last().unwrap();
    std::fs::write(data.path().join("trusted-keys"), format!("{line} Ada\n")).unwrap();
    let server = data.serve().await;
    let reference = done["reference"].as_str().unwrap();
    let output = plugin(&folder, &data, &["install", reference]);
    assert!(output.status.success(), "{output:?}");
    let path = format!("/admin/plugins/{ID}");
    let status = body(server.admin(Method::GET, &path).send().await.unwrap()).await;
    assert_eq!(status["version"], version);
    assert_eq!(status["signature"]["key"], "Ada");
    assert_eq!(status["backend"], "native");
    server.stop().await;
}

#[test]
fn a_release_that_cannot_be_says_why() {
    let data = Data::new();
    let inside = tempfile::tempdir().unwrap();
    for (name, language) in [("in-c", "c"), ("in-rust", "rust"), ("in-go", "go")] {
        let output = plugin(inside.path(), &data, &["new", name, "--lang", language]);
        assert!(output.status.success(), "{output:?}");
    }
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("in-c", &[], &["OCI-ADDRESS"]),
        (
            "in-c",
            &["--dry-run", "--native"],
            &["C plugins are components only"],
        ),
        ("in-c", &["stamp"], &["oci://"]),
        (
            "in-go",
            &["--dry-run", "--platform", "linux/arm64"],
            &["--native"],
        ),
        (
            "in-go",
            &["--dry-run", "--native", "--platform", "plan9/mips"],
            &["none of the files is for linux/", "publish from a machine"],
        ),
        (
            "in-rust",
            &[
                "--dry-run",
                "--native",
                "--platform",
                "plan9/mips",
                "--platform",
                "linux/amd64",
            ],
            &["cannot be built for plan9/mips", "push --platform"],
        ),
        ("..", &["--dry-run"], &["plugin.toml", "mortise plugin new"]),
    ];
    for (name, arguments, words) in cases {
        let folder = inside.path().join(name);
        let said = refused(&folder, &data, &[&["publish"], arguments].concat());
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {said}");
        }
    }
}
