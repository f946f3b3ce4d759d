//! The doctor: it reports each condition of a plugin, and nothing else.
//! Conditions of a machine or a process are tested beside the doctor itself.

use mortise_tests::guests;
use reqwest::Method;
use serde_json::Value;

use crate::{
    ADA, Rig, data,
    fixture::{
        FILTER, READ_ALL, TIMERS, WEBHOOK, configured, echoing, listening, living, plugin, sending,
        ticking, titling, trapping,
    },
    install, until,
};

impl Rig {
    pub(crate) async fn diagnosis(&self, id: &str) -> Value {
        let path = format!("/plugins/{id}/doctor");
        let (status, diagnosis) = self.admin(Method::GET, &path, Vec::new()).await;
        assert_eq!(status, 200, "{diagnosis}");
        for finding in diagnosis["findings"].as_array().unwrap() {
            for field in ["found", "fix"] {
                let text = finding[field].as_str().unwrap();
                assert!(!text.is_empty() && !text.ends_with('.'), "{finding}");
            }
        }
        diagnosis
    }

    pub(crate) async fn conditions(&self, id: &str) -> Vec<String> {
        let diagnosis = self.diagnosis(id).await;
        let findings = diagnosis["findings"].as_array().unwrap().iter();
        findings
            .map(|finding| finding["condition"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn each_condition_is_told_and_nothing_else() {
    let filter = |id| plugin(id, &[FILTER], &[titling(id)]);
    let data = data(&[
        ("fine", filter("fine")),
        ("idle", filter("idle")),
        ("gone", filter("gone")),
        ("worse", filter("worse")),
        ("moody", plugin("moody", &[], &[living(Some("no"), None)])),
        ("picky", plugin("picky", &[], &[configured('!')])),
        ("poor", plugin("poor", &[WEBHOOK], &[echoing()])),
        ("greedy", plugin("greedy", &[WEBHOOK], &[sending()])),
        ("falls", plugin("falls", &[FILTER], &[trapping()])),
        ("stuck", plugin("stuck", &[READ_ALL], &[listening('!')])),
        ("sleepy", plugin("sleepy", &[TIMERS], &[ticking(None)])),
        ("full", filter("full")),
        ("changing", filter("changing")),
        ("notes", b"read me".to_vec()),
    ]);
    let grants = "[greedy]\nwebhook = true\n[full.limits]\nstorage-bytes = 100\n";
    std::fs::write(data.path().join("grants.toml"), grants).unwrap();
    let rig = Rig::start(data.path()).await;
    let state = rig.server.state();
    for id in [
        "fine", "gone", "worse", "poor", "greedy", "falls", "stuck", "sleepy", "full", "changing",
    ] {
        rig.enable(id).await;
    }

    let moody = rig.slot("moody").await;
    assert_eq!(rig.post(&moody, "enable", "").await.0, 500);
    let picky = rig.slot("picky").await;
    assert_eq!(rig.post(&picky, "config", "old").await.0, 200);
    install(
        data.path(),
        &[
            ("picky", plugin("picky", &[], &[configured('o')])),
            ("worse", b"worse".to_vec()),
        ],
    );
    std::fs::remove_file(data.path().join("plugins/gone.wasm")).unwrap();
    until("the folder was taken up", async || {
        let plugins = &state.plugins;
        let status = |id| plugins.status(id).unwrap();
        status("picky").previous.is_some()
            && status("worse").waiting.is_some()
            && rig.conditions("gone").await == ["file_missing"]
    })
    .await;
    assert_eq!(rig.post(&picky, "enable", "").await.0, 500);
    let greedy = rig.slot("greedy").await;
    let hook = format!("/plugin/{}/custom/{}/", greedy.id, greedy.token);
    assert_eq!(rig.request(Method::POST, &hook, "hello").await.0, 500);
    let full = rig.slot("full").await.id;
    let stored = state.store.set_plugin_value(full, "k", &[0; 96], 100).await;
    assert_eq!(stored.unwrap(), Ok(()));
    rig.stored("backup", "!poison").await;
    let stuck = rig.slot("stuck").await;
    until("it is a dead letter", async || {
        let aside = state.store.dead_letters(stuck.id).await.unwrap();
        aside.len() == 1
    })
    .await;

    for (id, expected) in [
        ("fine", &[][..]),
        ("absent", &["not_installed", "broken_file"]),
        ("notes.wasm", &["broken_file"]),
        ("worse", &["broken_file"]),
        ("worse.wasm", &["broken_file"]),
        ("gone", &["file_missing"]),
        ("idle", &["not_enabled"]),
        ("moody", &["not_enabled", "start_failed"]),
        ("picky", &["not_enabled", "configuration_rejected"]),
        ("poor", &["grant_missing"]),
        ("greedy", &["denied"]),
        ("falls", &["calls_fail"]),
        ("stuck", &["calls_fail", "dead_letters"]),
        ("sleepy", &["timers_off"]),
        ("full", &["limit_reached"]),
    ] {
        let conditions = rig.conditions(id).await;
        assert_eq!(conditions, expected, "{id}");
    }
    let fine = rig.diagnosis("fine").await;
    assert_eq!(fine["well"], true);
    assert_eq!(fine["status"]["state"], "loaded");
    let notes = rig.diagnosis("notes.wasm").await;
    assert_eq!(notes["well"], false);
    assert_eq!(notes["findings"][0]["report"]["step"], "decode");
    let poor = rig.diagnosis("poor").await;
    assert_eq!(poor["well"], true, "an administrator may want it so");
    let fix = poor["findings"][0]["fix"].as_str().unwrap();
    assert!(
        fix.contains("mortise plugin grant poor --as-asked"),
        "{fix}"
    );
    let stuck = rig.diagnosis("stuck").await;
    assert_eq!(stuck["findings"][0]["user"], "ada");

    // As long as the file does not come to rest.
    let file = data.path().join("plugins/changing.wasm");
    let mut bytes = std::fs::read(&file).unwrap();
    until("seen to change", async || {
        bytes.push(0);
        std::fs::write(&file, &bytes).unwrap();
        let conditions = rig.conditions("changing").await;
        conditions
            .iter()
            .any(|condition| condition == "file_changed")
    })
    .await;

    let bob = state.store.create_user("bob", "", true).await.unwrap();
    state.plugins.user_created(bob.id).await;
    let told = state.plugins.diagnose("fine", bob.id).await.unwrap();
    assert!(told.findings[0].found.contains("others"), "{told:?}");
    assert!(state.plugins.diagnose("fine", ADA).await.unwrap().well);

    std::fs::write(data.path().join("grants.toml"), "[fine]\nnonsense = 1\n").unwrap();
    rig.enable("idle").await;
    assert_eq!(rig.conditions("fine").await, ["grants_broken"]);
    rig.stop().await;
}

#[tokio::test]
async fn each_limit_that_is_reached_is_told() {
    let everything = std::fs::read(guests::example("everything")).unwrap();
    let data = data(&[("everything", everything)]);
    let id = "test.everything";
    let limits = "memory-bytes = 16777216\ncall-ms = 1000\nconcurrent-calls = 1\n\
                  storage-bytes = 1000\nmessages-per-minute = 0\nlog-bytes = 10240\n\
                  webhook-body-bytes = 100\ntimers = 0\n";
    let grants = format!("[\"{id}\"]\nwebhook = true\ntimers = true\n[\"{id}\".limits]\n{limits}");
    std::fs::write(data.path().join("grants.toml"), grants).unwrap();
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable(id).await;
    let path = slot.base_path();
    let asks = async |command: &str| rig.request(Method::POST, path, command).await.0.as_u16();
    let limits = async || {
        let diagnosis = rig.diagnosis(id).await;
        let findings = diagnosis["findings"].as_array().unwrap().clone();
        let mut limits: Vec<_> = findings
            .iter()
            .filter(|finding| finding["condition"] == "limit_reached")
            .map(|finding| {
                assert_eq!(finding["user"], "ada");
                let fix = finding["fix"].as_str().unwrap();
                let setting = fix.split("--limit ").nth(1).unwrap();
                let name = setting.strip_suffix("=NUMBER").unwrap().to_owned();
                (name, finding["severity"].as_str().unwrap().to_owned())
            })
            .collect();
        limits.sort();
        limits
    };
    assert_eq!(asks("say x").await, 200);
    assert_eq!(limits().await, []);

    let (one, two) = tokio::join!(asks("sleep-ms 300"), asks("sleep-ms 300"));
    assert_eq!(one.max(two), 503);
    // The plugin receives the denial and answers 500.
    for (command, status) in [
        ("store-bytes k 1001", 500),
        ("send x", 500),
        ("every tick 5000", 500),
        ("log-flood 20", 200),
        ("hold 20000000", 502),
        ("sleep-ms 3000", 504),
        (&"x".repeat(101), 413),
    ] {
        assert_eq!(asks(command).await, status, "{command}");
    }
    let problem = |name: &str| (name.to_owned(), "problem".to_owned());
    let notice = |name: &str| (name.to_owned(), "notice".to_owned());
    let all = [
        problem("call-ms"),
        problem("concurrent-calls"),
        notice("log-bytes"),
        problem("memory-bytes"),
        problem("messages-per-minute"),
        problem("storage-bytes"),
        problem("timers"),
        notice("webhook-body-bytes"),
    ];
    assert_eq!(limits().await, all);
    rig.stop().await;
}

#[tokio::test]
async fn a_finding_that_an_order_mends_names_it_as_command_and_as_call() {
    let parts = [ticking(None)];
    let data = data(&[("a", plugin("a", &[TIMERS, FILTER], &parts))]);
    let rig = Rig::start(data.path()).await;
    let own = rig.slot("a").await.id;
    for (condition, command, path) in [
        (
            "timers_off",
            "mortise plugin grant a --timers",
            "/admin/plugins/a/grant".to_owned(),
        ),
        (
            "not_enabled",
            "mortise plugin enable a",
            format!("/plugin/{own}/enable"),
        ),
    ] {
        let diagnosis = rig.diagnosis("a").await;
        let findings = diagnosis["findings"].as_array().unwrap();
        let finding = findings.iter().find(|one| one["condition"] == condition);
        let finding = finding.unwrap_or_else(|| panic!("{diagnosis}"));
        assert_eq!(finding["command"], command);
        let call = &finding["call"];
        assert_eq!(call["path"], path.as_str());
        let method = Method::from_bytes(call["method"].as_str().unwrap().as_bytes()).unwrap();
        let body = match &call["body"] {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let (status, text) = rig.request(method, &path, &body).await;
        assert_eq!(status, 200, "{text}");
        let conditions = rig.conditions("a").await;
        assert!(
            !conditions.iter().any(|one| one == condition),
            "{conditions:?}"
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn limits_are_shown_with_their_use() {
    let schedule = Some((0, 3_600_000));
    let data = data(&[("a", plugin("a", &[TIMERS], &[ticking(schedule)]))]);
    let grants = "[a]\ntimers = true\n[a.limits]\ncall-ms = 5000\n";
    std::fs::write(data.path().join("grants.toml"), grants).unwrap();
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("a").await;
    slot.log.write(
        mortise_runtime::types::Level::Info,
        mortise_runtime::log::Source::Host,
        "x",
    );
    let usage = rig.api(Method::GET, "/admin/plugins/a/usage", "").await;
    let limits = usage["limits"].as_array().unwrap();
    let limit = |name: &str| limits.iter().find(|one| one["limit"] == name).unwrap();
    assert_eq!(
        (&limit("call-ms")["most"], &limit("call-ms")["default"]),
        (&Value::from(5000), &Value::from(10_000))
    );
    assert_eq!(limits.len(), 14);
    assert_eq!(limit("versions-at-once")["default"], 2);
    let user = &usage["users"][0];
    assert_eq!(
        (&user["user"], &user["enabled"]),
        (&"ada".into(), &true.into())
    );
    let used = user["used"].as_array().unwrap();
    let now = |name: &str| used.iter().find(|one| one["limit"] == name).unwrap()["now"].clone();
    assert_eq!((now("timers"), now("storage-bytes")), (1.into(), 0.into()));
    assert!(now("log-bytes").as_u64().unwrap() > 0);
    let (status, _) = rig.get("/admin/plugins/none/usage").await;
    assert_eq!(status, 404);
    rig.stop().await;
}
