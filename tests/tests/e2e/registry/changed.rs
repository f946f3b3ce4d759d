//! Versions that are not what was announced or shown, and a full disk.

use std::{
    collections::BTreeSet,
    os::unix::process::CommandExt as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::response::IntoResponse as _;
use mortise_runtime::Digest;
use mortise_tests::{
    minisign::Signer,
    server::{Data, body, program},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    bad::{ID, install, manifest, plugin, refused},
    fake::{Fake, Version},
};

#[tokio::test]
async fn a_file_that_is_not_what_was_announced_is_not_installed() {
    let data = Data::new();
    let server = data.serve().await;
    let file = plugin(10);
    for (change, word) in [
        (
            json!({ "version": "9.0.0" }),
            "has the version `1.0.0`, not `9.0.0`",
        ),
        (
            json!({ "id": "other" }),
            "has the id `test.registry`, not `other`",
        ),
        (
            json!({ "wants": [{ "permission": "timers", "reason": "to wait" }] }),
            "does not ask for timers",
        ),
        (json!({ "id": "a b" }), "io.mortise.plugin.manifest"),
    ] {
        let mut announced = manifest();
        for (name, value) in change.as_object().unwrap() {
            announced[name] = value.clone();
        }
        let fake = Fake::of(Version::announcing(&file, &announced)).await;
        refused(&server, &fake.reference(), 422, &[word]).await;
    }
    // A signature of another file, with a trusted key.
    let signer = Signer::new();
    let line = format!("{} Frank\n", signer.public());
    std::fs::write(data.path().join("trusted-keys"), line).unwrap();
    let mut version = Version::announcing(&file, &manifest());
    let signature = signer.sign(b"another file");
    version.manifest["annotations"]["io.mortise.plugin.signature"] = signature.into();
    let fake = Fake::of(version).await;
    let (status, answer) = install(&server, &fake.reference()).await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(answer["report"]["step"], "signature", "{answer}");
    assert!(
        answer["report"]["file"]
            .as_str()
            .unwrap()
            .starts_with("oci://"),
        "{answer}"
    );

    let fake = Fake::of(Version::announcing(&file, &manifest())).await;
    let (status, answer) = install(&server, &fake.reference()).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn an_update_from_a_registry_that_went_bad_leaves_the_active_version() {
    let data = Data::new();
    let server = data.serve().await;
    let other = Version::announcing(&plugin(20), &{
        let mut other = manifest();
        other["id"] = "test.other".into();
        other
    });
    let moved = Arc::new(AtomicBool::new(false));
    let (has_moved, text) = (Arc::clone(&moved), other.manifest.to_string());
    let first = Version::announcing(&plugin(10), &manifest());
    let fake = Fake::with(first, move |seen| {
        let is_tag = seen.path.ends_with("/manifests/1");
        (is_tag && has_moved.load(Ordering::Relaxed)).then(|| text.clone().into_response())
    });
    let fake = fake.await;
    let (status, installed) = install(&server, &fake.reference()).await;
    assert_eq!(status, 200, "{installed}");
    let update = async |method, digest: &str| {
        let path = format!("/admin/plugins/{ID}/update");
        let request = server
            .admin(method, &path)
            .json(&json!({ "digest": digest }));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    let digest = installed["source"]["digest"].as_str().unwrap();
    let (status, found) = update(Method::GET, digest).await;
    assert_eq!((status, &found["new"]), (200, &json!(false)), "{found}");
    moved.store(true, Ordering::Relaxed);
    let (status, found) = update(Method::GET, digest).await;
    let text = found["errorDescription"].as_str().unwrap();
    assert_eq!(status, 409, "{found}");
    assert!(
        text.contains("is another plugin now, `test.other`"),
        "{text}"
    );
    let wrong = Digest::of(b"another").to_string();
    let (status, found) = update(Method::POST, &wrong).await;
    assert_eq!(status, 422, "{found}");
    drop(fake);
    let (status, found) = update(Method::GET, digest).await;
    let text = found["errorDescription"].as_str().unwrap();
    assert_eq!(status, 502, "{found}");
    assert!(text.contains("cannot be reached"), "{text}");
    let path = format!("/admin/plugins/{ID}");
    let now = body(server.admin(Method::GET, &path).send().await.unwrap()).await;
    assert_eq!(now["digest"], installed["digest"]);
    let none = server
        .admin(Method::GET, "/admin/plugins/nobody/update")
        .send();
    assert_eq!(none.await.unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn a_full_disk_is_named_and_leaves_nothing() {
    let data = Data::new();
    let mut command = Command::new("sh");
    // No file may grow over 8 MiB, which the system says as it says a full disk:
    // by an error of the write.
    let limited = "trap '' XFSZ; ulimit -f 16384; exec \"$0\" \"$@\"";
    let usual = data.command();
    command
        .args(["-c", limited])
        .arg(program())
        .args(usual.get_args())
        .envs(
            usual
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    command.process_group(0);
    let server = data.serve_with(command).await;
    let there = || {
        let entries = std::fs::read_dir(data.path().join("uploads"))
            .into_iter()
            .flatten();
        let names: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names
    };
    let before = there();
    let fake = Fake::of(Version::of(&vec![0; 9 << 20])).await;
    let words = ["cannot be kept", "room in the data directory"];
    refused(&server, &fake.reference(), 500, &words).await;
    assert_eq!(there(), before, "temporary files stay");
}

#[tokio::test]
async fn a_tag_that_moved_since_it_was_shown_is_not_installed() {
    let data = Data::new();
    let server = data.serve().await;
    let moved = Fake::of(Version::of(&plugin(20))).await;
    let answer = server
        .admin(Method::POST, "/admin/plugins")
        .json(&json!({ "url": moved.reference(), "digest": Version::of(&plugin(10)).digest() }))
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(status, 422, "{answer}");
    assert!(
        answer.to_string().contains("is not in the registry"),
        "{answer}"
    );
}
