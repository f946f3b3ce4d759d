//! Signatures of plugins, and files that changed without a command.

use std::path::Path;

use mortise_runtime::{Digest, Step};
use mortise_server::{
    auth::Actor,
    config::Changed,
    plugins::{CommandError, Signature, Upload, Waiting},
};
use mortise_tests::{minisign::Signer, web};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    PASSWORD, Rig, data,
    fixture::{FILTER, plugin, titling},
    install, until,
};

const BY: Actor = Actor::Server;

fn version(title: &str) -> Vec<u8> {
    plugin("a", &[FILTER], &[titling(title)])
}

fn trust(data_dir: &Path, signer: &Signer) {
    let line = format!("# Whom we trust.\n{} Frank\n", signer.public());
    std::fs::write(data_dir.join("trusted-keys"), line).unwrap();
}

fn sign(data_dir: &Path, text: &str) {
    std::fs::write(data_dir.join("plugins/a.wasm.minisig"), text).unwrap();
}

impl Rig {
    async fn strict(data_dir: &Path) -> Self {
        Self::start_with(data_dir, |config| config.require_signed_plugins = true).await
    }

    fn signature(&self, id: &str) -> Option<Signature> {
        let status = self.server.state().plugins.status(id)?;
        Some(status.signature)
    }

    /// Expected and found of the one report there is; the step is `signature`.
    fn refusal(&self) -> (String, String) {
        let failures = self.server.state().plugins.failures();
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].step.name(), "signature");
        assert!(!failures[0].fix.is_empty());
        (failures[0].expected.clone(), failures[0].found.clone())
    }
}

fn by_frank() -> Option<Signature> {
    Some(Signature::Trusted {
        key: "Frank".to_owned(),
    })
}

#[tokio::test]
async fn only_what_a_trusted_key_signed_runs_where_that_is_required() {
    let (frank, mallory) = (Signer::new(), Signer::new());
    let one = version("one");
    let data = data(&[("a", one.clone())]);
    trust(data.path(), &frank);
    let rig = Rig::strict(data.path()).await;
    assert_eq!(rig.signature("a"), None);
    assert_eq!(rig.refusal().1, "none");
    // Each signature is seen as it comes.
    for (text, found) in [
        (mallory.sign(&one), "another key"),
        (frank.sign(b"something else"), "another file"),
        ("nonsense".to_owned(), "a.wasm.minisig"),
    ] {
        sign(data.path(), &text);
        until(found, async || rig.refusal().1.contains(found)).await;
        assert_eq!(rig.signature("a"), None);
    }
    sign(data.path(), &frank.sign(&one));
    until("taken up", async || rig.signature("a") == by_frank()).await;
    assert!(rig.server.state().plugins.failures().is_empty());
    rig.enable("a").await;

    // A version that is not signed leaves it alone.
    install(data.path(), &[("a", version("two"))]);
    let waits = async || {
        rig.server
            .state()
            .plugins
            .status("a")
            .unwrap()
            .waiting
            .is_some()
    };
    until("refused", waits).await;
    assert_eq!(rig.refusal().0, "what `Frank` signed");
    assert_eq!(rig.stored("backup", "done").await.title, "one");
    rig.stop().await;

    // Nor does a start take it up; and a key that is trusted no more is out.
    let rig = Rig::strict(data.path()).await;
    assert_eq!(rig.stored("backup", "done").await.title, "one");
    rig.stop().await;
    trust(data.path(), &mallory);
    let rig = Rig::strict(data.path()).await;
    assert_eq!(rig.signature("a"), None);
    assert_eq!(rig.refusal().1, "one made with another key");
    assert_eq!(rig.stored("backup", "done").await.title, "plain");
    rig.stop().await;
}

#[tokio::test]
async fn a_signature_comes_and_goes_with_the_version_it_is_of() {
    let frank = Signer::new();
    let data = data(&[]);
    trust(data.path(), &frank);
    let rig = Rig::strict(data.path()).await;
    let plugins = &rig.server.state().plugins;
    let install = async |bytes: &[u8], signature: Option<String>| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, bytes).unwrap();
        plugins
            .install(
                Upload {
                    signature,
                    ..Upload::of(file.path())
                },
                &BY,
            )
            .await
    };
    let in_folder = || std::fs::read_to_string(data.path().join("plugins/a.wasm.minisig")).ok();
    let (one, two) = (version("one"), version("two"));
    let status = install(&one, Some(frank.sign(&one))).await.unwrap();
    assert_eq!(Some(status.signature), by_frank());
    assert_eq!(in_folder(), Some(frank.sign(&one)));
    rig.enable("a").await;
    install(&two, Some(frank.sign(&two))).await.unwrap();
    assert_eq!(rig.stored("backup", "done").await.title, "two");
    let refused = install(&version("three"), None).await.unwrap_err();
    let CommandError::Load(report) = refused else {
        panic!("{refused}")
    };
    assert_eq!(report.step, Step::SignatureMissing);
    assert_eq!(in_folder(), Some(frank.sign(&two)));
    plugins.rollback("a", &BY).await.unwrap();
    assert_eq!(rig.stored("backup", "done").await.title, "one");
    assert_eq!(in_folder(), Some(frank.sign(&one)));
    assert_eq!(rig.signature("a"), by_frank());
    plugins.uninstall("a", &BY).await.unwrap();
    assert_eq!(in_folder(), None);
    rig.stop().await;
}

#[tokio::test]
async fn a_signature_comes_over_http_with_its_file() {
    let (frank, mallory) = (Signer::new(), Signer::new());
    let (one, two) = (version("one"), version("two"));
    let data = data(&[]);
    trust(data.path(), &frank);
    let rig = Rig::strict(data.path()).await;
    let upload = async |bytes: &[u8], signature: Option<String>| {
        let request = rig
            .client
            .post(format!("{}/admin/plugins", rig.server.url()));
        let request = request
            .basic_auth("ada", Some(PASSWORD))
            .header("content-type", "application/octet-stream")
            .query(&signature.map(|text| ("signature", text)).as_slice())
            .body(bytes.to_vec());
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    for (signature, found) in [
        (None, "none"),
        (Some(mallory.sign(&one)), "one made with another key"),
        (Some(frank.sign(&two)), "another file"),
        (Some("nonsense".to_owned()), "a.wasm.minisig"),
    ] {
        let (status, error) = upload(&one, signature).await;
        assert_eq!(
            (status, &error["report"]["step"]),
            (422, &json!("signature"))
        );
        let text = error["report"]["found"].as_str().unwrap();
        assert!(text.contains(found) || found.ends_with("minisig"), "{text}");
        let there = std::fs::read_dir(data.path().join("plugins")).unwrap();
        assert_eq!(there.count(), 0, "{found}");
    }
    let (status, shown) = upload(&one, Some(frank.sign(&one))).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(
        shown["signature"],
        json!({ "is": "trusted", "key": "Frank" })
    );

    // And with a URL.
    let url = format!("{}/0", web::serving(vec![web::file(&two)]));
    let download = async |signature: Option<String>| {
        let source = json!({
            "url": url,
            "digest": Digest::of(&two),
            "signature": signature,
        });
        let source = source.to_string();
        let (status, text) = rig.request(Method::POST, "/admin/plugins", &source).await;
        (status.as_u16(), text)
    };
    assert_eq!(download(None).await.0, 422);
    assert_eq!(rig.signature("a"), by_frank());
    let (status, text) = download(Some(frank.sign(&two))).await;
    assert_eq!(status, 200, "{text}");
    let beside = std::fs::read_to_string(data.path().join("plugins/a.wasm.minisig"));
    assert_eq!(beside.unwrap(), frank.sign(&two));
    rig.stop().await;
}

#[tokio::test]
async fn the_doctor_tells_what_is_wrong_with_a_signature_and_with_a_changed_file() {
    let (frank, mallory) = (Signer::new(), Signer::new());
    let one = version("one");
    let data = data(&[("a", one.clone())]);
    trust(data.path(), &frank);
    let rig = Rig::strict(data.path()).await;
    let told = async |what: &str| rig.diagnosis(what).await["findings"].clone();
    let only = |findings: Value, condition: &str, fix: &str| {
        assert_eq!(findings.as_array().unwrap().len(), 1, "{findings}");
        assert_eq!(findings[0]["condition"], condition);
        assert_eq!(findings[0]["severity"], "problem");
        assert!(
            findings[0]["fix"].as_str().unwrap().contains(fix),
            "{findings}"
        );
        assert!(!findings[0]["report"].is_null(), "{findings}");
    };
    only(told("a.wasm").await, "signature_missing", "a.wasm.minisig");
    for (signature, condition, fix) in [
        (mallory.sign(&one), "signature_untrusted", "trusted-keys"),
        (
            frank.sign(b"another"),
            "signature_wrong",
            "get file and signature again",
        ),
        ("nonsense".to_owned(), "signature_wrong", "get it again"),
    ] {
        sign(data.path(), &signature);
        until(condition, async || {
            told("a.wasm").await[0]["condition"] == condition
        })
        .await;
        until(fix, async || {
            let text = told("a.wasm").await[0]["fix"].to_string();
            text.contains(fix)
        })
        .await;
        only(told("a.wasm").await, condition, fix);
    }
    // Its id is unknown, and the likely files are reported.
    let by_id = told("a").await;
    assert_eq!(by_id[0]["condition"], "not_installed");
    assert_eq!(by_id[1]["condition"], "signature_wrong");
    std::fs::write(data.path().join("trusted-keys"), "nonsense").unwrap();
    sign(data.path(), &frank.sign(&one));
    let broken = async || told("a.wasm").await[0]["condition"] == "trust_broken";
    until("the trust file was looked at", broken).await;
    only(told("a.wasm").await, "trust_broken", "correct that line");
    trust(data.path(), &frank);
    sign(data.path(), &format!("{}\n", frank.sign(&one)));
    until("taken up", async || rig.signature("a") == by_frank()).await;
    rig.enable("a").await;
    assert_eq!(told("a").await, json!([]));
    rig.stop().await;

    // Where none is required, an unknown key is no more than a notice; and a
    // file that no order changed may be refused.
    trust(data.path(), &mallory);
    let rig = Rig::start_with(data.path(), |config| {
        config.changed_plugins = Changed::Reject;
    })
    .await;
    let diagnosis = rig.diagnosis("a").await;
    assert_eq!(diagnosis["findings"][0]["condition"], "signature_untrusted");
    assert_eq!(diagnosis["findings"][0]["severity"], "notice");
    assert_eq!(diagnosis["well"], true);
    std::fs::remove_file(data.path().join("plugins/a.wasm.minisig")).unwrap();
    until("unsigned", async || {
        rig.signature("a") == Some(Signature::None)
    })
    .await;
    install(data.path(), &[("a", version("two"))]);
    let refused = async || rig.conditions("a").await == ["change_rejected"];
    until("refused", refused).await;
    let fix = &rig.diagnosis("a").await["findings"][0]["fix"];
    assert!(
        fix.as_str().unwrap().contains("mortise plugin reload a"),
        "{fix}"
    );
    rig.stop().await;
}

#[tokio::test]
async fn without_the_setting_a_wrong_signature_is_refused_and_a_missing_one_is_shown() {
    let (frank, mallory) = (Signer::new(), Signer::new());
    let one = version("one");
    let data = data(&[("a", one.clone())]);
    trust(data.path(), &frank);
    let rig = Rig::start(data.path()).await;
    assert_eq!(rig.signature("a"), Some(Signature::None));
    sign(data.path(), &mallory.sign(&one));
    let untrusted = async || rig.signature("a") == Some(Signature::Untrusted);
    until("seen", untrusted).await;
    sign(data.path(), &frank.sign(b"something else"));
    let waits = async || {
        rig.server
            .state()
            .plugins
            .status("a")
            .unwrap()
            .waiting
            .is_some()
    };
    until("refused", waits).await;
    assert_eq!(rig.refusal().0, "what `Frank` signed");
    sign(data.path(), &frank.sign(&one));
    until("seen", async || rig.signature("a") == by_frank()).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_file_that_no_order_changed_is_refused_where_that_is_set() {
    let data = data(&[("a", version("one"))]);
    let rig = Rig::start_with(data.path(), |config| {
        config.changed_plugins = Changed::Reject;
    })
    .await;
    let plugins = &rig.server.state().plugins;
    rig.enable("a").await;
    let refused = async || match plugins.status("a").unwrap().waiting {
        Some(Waiting::Failed { report }) => {
            assert!(report.found.contains("no command"), "{report}");
            true
        }
        _ => false,
    };
    install(data.path(), &[("a", version("two"))]);
    until("refused", refused).await;
    assert_eq!(rig.stored("backup", "done").await.title, "one");
    // After it is restored, there is no problem; a command loads the other.
    install(data.path(), &[("a", version("one"))]);
    until("well", async || !refused().await).await;
    install(data.path(), &[("a", version("two"))]);
    until("refused", refused).await;
    plugins.reload("a", &BY).await.unwrap();
    assert_eq!(rig.stored("backup", "done").await.title, "two");
    assert!(!refused().await);
    rig.stop().await;
}

#[tokio::test]
async fn an_installed_plugin_is_shown_as_signed_by_the_keys_of_now() {
    let frank = Signer::new();
    let one = version("one");
    let data = data(&[("a", one.clone())]);
    sign(data.path(), &frank.sign(&one));
    let rig = Rig::start(data.path()).await;
    assert_eq!(rig.signature("a"), Some(Signature::Untrusted));
    let key = json!({ "key": frank.public(), "name": "Frank" }).to_string();
    let (status, text) = rig.request(Method::POST, "/admin/trusted-keys", &key).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(rig.signature("a"), by_frank());
    let path = format!("/admin/trusted-keys/{}", url_encoded(&frank.public()));
    let (status, text) = rig.request(Method::DELETE, &path, "").await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(rig.signature("a"), Some(Signature::Untrusted));
    rig.stop().await;
}

#[tokio::test]
async fn keys_are_trusted_and_no_longer_trusted_by_order() {
    let (frank, mallory) = (Signer::new(), Signer::new());
    let one = version("one");
    let data = data(&[("a", one.clone())]);
    trust(data.path(), &frank);
    let rig = Rig::strict(data.path()).await;
    let listed = rig.api(Method::GET, "/admin/trusted-keys", "").await;
    assert_eq!(listed["required"], true);
    assert_eq!(
        listed["keys"],
        json!([{ "key": frank.public(), "name": "Frank" }])
    );
    let add = async |key: String, name: &str| {
        let body = json!({ "key": key, "name": name }).to_string();
        rig.request(Method::POST, "/admin/trusted-keys", &body)
            .await
    };
    for (key, name, expected) in [
        ("RWnonsense".to_owned(), "No key", 400),
        (mallory.public(), "two\nlines", 400),
        (mallory.public(), " ", 400),
        (mallory.public(), &*"x".repeat(129), 400),
        (frank.public(), "Frank again", 409),
        (mallory.public(), "Mallory", 200),
    ] {
        let (status, text) = add(key, name).await;
        assert_eq!(status, expected, "{name}: {text}");
    }
    sign(data.path(), &mallory.sign(&one));
    until("it is loaded", async || {
        rig.signature("a")
            == Some(Signature::Trusted {
                key: "Mallory".to_owned(),
            })
    })
    .await;
    let encoded: String = url_encoded(&frank.public());
    let path = format!("/admin/trusted-keys/{encoded}");
    let left = rig.api(Method::DELETE, &path, "").await;
    assert_eq!(left["keys"][0]["name"], "Mallory");
    let (status, _) = rig.request(Method::DELETE, &path, "").await;
    assert_eq!(status, 404);
    // What a person wrote there stays.
    let file = std::fs::read_to_string(data.path().join("trusted-keys")).unwrap();
    assert_eq!(
        file,
        format!("# Whom we trust.\n{} Mallory\n", mallory.public())
    );
    let log = rig.api(Method::GET, "/admin/audit?limit=5", "").await;
    let deeds: Vec<_> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert!(deeds.contains(&"key trusted") && deeds.contains(&"key no longer trusted"));

    std::fs::write(data.path().join("trusted-keys"), "what is this\n").unwrap();
    let listed = rig.api(Method::GET, "/admin/trusted-keys", "").await;
    assert!(
        listed["problem"].as_str().unwrap().contains("line 1"),
        "{listed}"
    );
    let (status, text) = add(frank.public(), "Frank").await;
    assert_eq!(status, 409, "{text}");
    rig.stop().await;
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
