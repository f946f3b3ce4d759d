//! Whose plugins run, and what becomes of files that nobody changed by order.

use std::path::Path;

use mortise_runtime::Step;
use mortise_server::plugins::{Actor, Changed, OrderError, Signature, Waiting};
use mortise_tests::minisign::Signer;

use crate::{
    Rig, data,
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
        assert_eq!(failures[0].step, Step::Signature);
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
    let aside = tempfile::tempdir().unwrap();
    let file = aside.path().join("new.wasm");
    let put = |bytes: &[u8], signature: Option<String>| {
        std::fs::write(&file, bytes).unwrap();
        let beside = aside.path().join("new.wasm.minisig");
        match signature {
            Some(text) => std::fs::write(beside, text).unwrap(),
            None => std::fs::remove_file(beside).unwrap(),
        }
    };
    let in_folder = || std::fs::read_to_string(data.path().join("plugins/a.wasm.minisig")).ok();
    let (one, two) = (version("one"), version("two"));
    put(&one, Some(frank.sign(&one)));
    let status = plugins.install(&file, &BY).await.unwrap();
    assert_eq!(Some(status.signature), by_frank());
    assert_eq!(in_folder(), Some(frank.sign(&one)));
    rig.enable("a").await;
    put(&two, Some(frank.sign(&two)));
    plugins.install(&file, &BY).await.unwrap();
    assert_eq!(rig.stored("backup", "done").await.title, "two");
    put(&version("three"), None);
    let refused = plugins.install(&file, &BY).await.unwrap_err();
    let OrderError::Load(report) = refused else {
        panic!("{refused}")
    };
    assert_eq!(report.step, Step::Signature);
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
        config.changed_plugins = Changed::Refuse;
    })
    .await;
    let plugins = &rig.server.state().plugins;
    rig.enable("a").await;
    let refused = async || match plugins.status("a").unwrap().waiting {
        Some(Waiting::Failed { report }) => {
            assert!(report.found.contains("no order"), "{report}");
            true
        }
        _ => false,
    };
    install(data.path(), &[("a", version("two"))]);
    until("refused", refused).await;
    assert_eq!(rig.stored("backup", "done").await.title, "one");
    // Put back as it was, all is well; by an order, the other is taken up.
    install(data.path(), &[("a", version("one"))]);
    until("well", async || !refused().await).await;
    install(data.path(), &[("a", version("two"))]);
    until("refused", refused).await;
    plugins.reload("a", &BY).await.unwrap();
    assert_eq!(rig.stored("backup", "done").await.title, "two");
    assert!(!refused().await);
    rig.stop().await;
}
