//! The administrator's commands over the API, and their entries in the audit
//! log.

use mortise_runtime::Digest;
use mortise_tests::web::{self, file, redirect};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    PASSWORD, Rig, data,
    fixture::{FILTER, READ_ALL, listening, plugin, titling},
    said, until,
};

impl Rig {
    /// An administrator's request, and the JSON of its answer.
    pub(crate) async fn admin(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> (StatusCode, Value) {
        let response = self
            .client
            .request(method, format!("{}/admin{path}", self.server.url()))
            .basic_auth("ada", Some(PASSWORD))
            .header("content-type", "application/octet-stream")
            .body(body)
            .send()
            .await
            .unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        let value = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}")),
        };
        (status, value)
    }

    async fn order(&self, path: &str) -> (StatusCode, Value) {
        self.admin(Method::POST, path, Vec::new()).await
    }

    async fn install_from(&self, url: &str, digest: Digest) -> (StatusCode, Value) {
        let response = self
            .client
            .post(format!("{}/admin/plugins", self.server.url()))
            .basic_auth("ada", Some(PASSWORD))
            .json(&json!({ "url": url, "digest": digest }))
            .send()
            .await
            .unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Returns the changes, oldest first: actor, action and plugin.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let (_, page) = self
            .admin(Method::GET, "/audit?limit=200", Vec::new())
            .await;
        let entries = page["entries"].as_array().unwrap();
        let lines = entries.iter().rev().map(|entry| {
            let name = entry["user"]["name"].as_str().unwrap_or("");
            let text = |field: &str| entry[field].as_str().unwrap().to_owned();
            format!(
                "{} {name}: {} {}",
                text("by"),
                text("action"),
                text("plugin")
            )
        });
        lines.collect()
    }
}

fn version(title: &str) -> Vec<u8> {
    plugin("org/a", &[FILTER], &[titling(title)])
}

#[tokio::test]
async fn a_plugin_is_installed_replaced_rolled_back_and_removed() {
    let data = data(&[]);
    let rig = Rig::start(data.path()).await;
    let (one, two) = (version("one"), version("two"));
    let (status, shown) = rig.admin(Method::POST, "/plugins", one.clone()).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["id"], "org/a");
    assert_eq!(shown["digest"], Digest::of(&one).to_string());
    assert!(data.path().join("plugins/org-a.wasm").exists());
    rig.enable("org/a").await;
    assert_eq!(rig.stored("backup", "done").await.title, "one");

    let (status, shown) = rig.admin(Method::POST, "/plugins", two.clone()).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["previous"]["digest"], Digest::of(&one).to_string());
    assert_eq!(rig.stored("backup", "done").await.title, "two");
    assert_eq!(rig.order("/plugins/org%2Fa/reload").await.0, 200);
    let (status, shown) = rig.order("/plugins/org%2Fa/rollback").await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(rig.stored("backup", "done").await.title, "one");
    let (_, shown) = rig.admin(Method::GET, "/plugins/org%2Fa", Vec::new()).await;
    assert_eq!(shown["digest"], Digest::of(&one).to_string());
    assert_eq!(shown["state"], "loaded");
    let (_, list) = rig.admin(Method::GET, "/plugins", Vec::new()).await;
    assert_eq!(list["plugins"][0], shown);

    let (status, _) = rig
        .admin(Method::DELETE, "/plugins/org%2Fa", Vec::new())
        .await;
    assert_eq!(status, 200);
    assert!(!data.path().join("plugins/org-a.wasm").exists());
    for (method, path) in [
        (Method::DELETE, "/plugins/org%2Fa"),
        (Method::GET, "/plugins/org%2Fa"),
        (Method::GET, "/plugins/org%2Fa/log"),
        (Method::POST, "/plugins/org%2Fa/reload"),
        (Method::POST, "/plugins/org%2Fa/rollback"),
    ] {
        let (status, error) = rig.admin(method, path, Vec::new()).await;
        assert_eq!(status, 404, "{path}: {error}");
    }
    assert_eq!(
        rig.audited().await,
        [
            "user ada: installed org/a",
            "user ada: enabled org/a",
            "user ada: replaced org/a",
            "user ada: reloaded org/a",
            "user ada: rolled back org/a",
            "user ada: removed org/a",
        ]
    );
    let (_, page) = rig
        .admin(Method::GET, "/audit?plugin=org%2Fa&limit=4", Vec::new())
        .await;
    let replaced = &page["entries"][3];
    assert_eq!(
        replaced["details"]["before"]["digest"],
        Digest::of(&one).to_string()
    );
    assert_eq!(replaced["details"]["digest"], Digest::of(&two).to_string());
    let (_, rest) = rig
        .admin(
            Method::GET,
            &format!("/audit?before={}", page["next"]),
            Vec::new(),
        )
        .await;
    assert_eq!(rest["entries"].as_array().unwrap().len(), 2);
    assert_eq!(rest["next"], Value::Null);
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_installed_changes_nothing_and_says_why() {
    let data = data(&[]);
    let rig = Rig::start(data.path()).await;
    let good = version("good");
    let (status, error) = rig
        .admin(Method::POST, "/plugins", b"read me".to_vec())
        .await;
    assert_eq!(status, 422);
    assert_eq!(error["report"]["step"], "decode");
    assert_eq!(error["report"]["file"], "the uploaded file");
    assert!(!error["report"]["fix"].as_str().unwrap().is_empty());
    let (status, error) = rig
        .admin(Method::POST, "/plugins", good[..100].to_vec())
        .await;
    assert_eq!(
        (status.as_u16(), &error["report"]["step"]),
        (422, &json!("compile"))
    );
    let meant = format!("/plugins?digest={}", Digest::of(b"another"));
    let (status, error) = rig.admin(Method::POST, &meant, good.clone()).await;
    assert_eq!(status, 422, "{error}");
    let text = error["errorDescription"].as_str().unwrap();
    assert!(text.contains(&Digest::of(&good).to_string()), "{text}");
    let (status, _) = rig.admin(Method::POST, "/plugins?digest=md5:0", good).await;
    assert_eq!(status, 400);
    let (_, list) = rig.admin(Method::GET, "/plugins", Vec::new()).await;
    assert_eq!(list, json!({ "plugins": [], "problems": [] }));
    let there = std::fs::read_dir(data.path().join("plugins")).unwrap();
    assert_eq!(there.count(), 0);
    assert_eq!(rig.audited().await, Vec::<String>::new());
    rig.stop().await;
}

#[tokio::test]
async fn a_url_is_installed_from_with_its_digest_only() {
    let data = data(&[]);
    let rig = Rig::start(data.path()).await;
    let good = version("downloaded");
    let whole = file(&good);
    let cut = whole[..whole.len() - 10].to_vec();
    let url = web::serving(vec![
        whole,
        redirect("/0"),
        redirect("/2"),
        redirect("ftp://127.0.0.1/0"),
        cut,
    ]);
    let digest = Digest::of(&good);
    for (path, digest, expected, says) in [
        (
            "/0",
            Digest::of(b"another"),
            422,
            "it is not the expected file",
        ),
        ("/2", digest, 502, "too often"),
        ("/3", digest, 502, "only https and http"),
        ("/4", digest, 502, "nothing can be downloaded"),
        ("/9?secret=1", digest, 502, "404"),
    ] {
        let (status, error) = rig.install_from(&format!("{url}{path}"), digest).await;
        let text = error["errorDescription"].as_str().unwrap();
        assert_eq!(status, expected, "{path}: {text}");
        assert!(text.contains(says) && !text.contains("secret"), "{text}");
    }
    // What answers there speaks no TLS.
    let secure = url.replace("http://", "https://");
    let (status, error) = rig.install_from(&format!("{secure}/0"), digest).await;
    assert_eq!(status, 502, "{error}");
    let (status, _) = rig.install_from("nonsense", digest).await;
    assert_eq!(status, 400);
    let (status, shown) = rig.install_from(&format!("{url}/1"), digest).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["digest"], digest.to_string());
    rig.stop().await;
}

#[tokio::test]
async fn an_administrator_reads_what_is_theirs_to_read() {
    let data = data(&[("a", plugin("a", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let state = rig.server.state();
    let hash = state.passwords.hash(PASSWORD).await.unwrap();
    let bob = state.store.create_user("bob", &hash, true).await.unwrap();
    state.plugins.user_created(bob.id).await;
    let slot = rig.enable("a").await;
    rig.stored("backup", "for ada").await;
    rig.stored("backup", "!poison").await;
    until("a dead letter", async || {
        let log = slot.log.since(0);
        log.iter().any(|entry| entry.text.contains("a dead letter"))
    })
    .await;
    // The dead letter may have been passed again.
    assert!(said(&slot).iter().all(|line| line == "for ada"));
    let read = async |name: &str| {
        let response = rig
            .client
            .get(format!("{}/admin/plugins/a/log", rig.server.url()))
            .basic_auth(name, Some(PASSWORD))
            .send();
        response.await.unwrap().text().await.unwrap()
    };
    let (ada, bob) = (read("ada").await, read("bob").await);
    assert!(
        ada.contains("for ada") && ada.contains("a dead letter"),
        "{ada}"
    );
    assert!(
        !bob.contains("for ada") && bob.contains("a dead letter"),
        "{bob}"
    );
    rig.stop().await;
}
