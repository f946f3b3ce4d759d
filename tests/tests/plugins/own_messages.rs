//! A plugin's own messages: changed, ended, sent to several users, with an image of their
//! application; its timers in time zones; and components of released contracts.

use std::{path::Path, time::Duration};

use mortise_server::time::{now_ms, rfc3339};
use mortise_tests::guests;
use serde_json::{Value, json};

use super::*;

const ID: &str = "test.everything";

/// A server with this plugin, which has all that it asks for and is enabled.
struct Telling {
    rig: Rig,
    path: String,
    _data: tempfile::TempDir,
}

impl Telling {
    async fn of(file: &Path) -> Self {
        let data = tempfile::tempdir().unwrap();
        let rig = Rig::start(data.path()).await;
        rig.installed(&std::fs::read(file).unwrap()).await.unwrap();
        let grant = format!("/admin/plugins/{ID}/grant");
        rig.api(Method::POST, &grant, r#"{"asAsked":true}"#).await;
        rig.enable(ID).await;
        let path = rig.shown(ID).await["webhookPath"]
            .as_str()
            .unwrap()
            .to_owned();
        Self {
            rig,
            path,
            _data: data,
        }
    }

    async fn new() -> Self {
        Self::of(&guests::example("everything")).await
    }

    /// Has the plugin do a command; the answer, or the error as text.
    async fn tell(&self, command: &str) -> Result<String, String> {
        let (status, text) = self.rig.request(Method::POST, &self.path, command).await;
        if status == 200 { Ok(text) } else { Err(text) }
    }

    async fn messages(&self) -> Vec<Value> {
        let listed = self.rig.api(Method::GET, "/message", "").await;
        listed["messages"].as_array().unwrap().clone()
    }
}

/// Asserts that a command is refused, with this kind of error.
fn is_refused(outcome: &Result<String, String>, kind: &str) {
    let text = outcome.as_ref().unwrap_err();
    assert!(text.contains(kind), "{text}");
}

#[tokio::test]
async fn a_plugin_changes_its_own_messages_alone() {
    let told = Telling::new().await;
    let id = told.tell("send hello").await.unwrap();
    let before = told.messages().await[0].clone();
    told.tell(&format!("update {id} world")).await.unwrap();
    let messages = told.messages().await;
    assert_eq!(messages.len(), 1);
    let [after] = messages.as_slice() else {
        panic!("{messages:?}");
    };
    assert_eq!(
        (&after["message"], &after["title"], &after["priority"]),
        (&json!("world"), &json!("updated"), &json!(6))
    );
    assert_eq!(
        (&after["id"], &after["date"]),
        (&before["id"], &before["date"])
    );
    let other = told.rig.stored("backup", "done").await.id;
    is_refused(&told.tell(&format!("update {other} x")).await, "denied");
    is_refused(&told.tell(&format!("expire {other} 1")).await, "denied");
    is_refused(&told.tell("update 9999 x").await, "invalid");
    is_refused(&told.tell("expire 9999 1").await, "invalid");
    told.rig.stop().await;
}

#[tokio::test]
async fn a_message_ends_at_its_time() {
    let told = Telling::new().await;
    let (first, second) = (
        told.tell("send first").await.unwrap(),
        told.tell("send second").await.unwrap(),
    );
    let soon = told.rig.server.state().config.clock.now_ms() + 60_000;
    for id in [&first, &second] {
        told.tell(&format!("expire {id} {soon}")).await.unwrap();
    }
    assert!(told.messages().await[0]["expiresAt"].is_string());
    told.tell(&format!("expire {second} -")).await.unwrap();
    told.rig.clock.advance(Duration::from_secs(90));
    until("the first message is over", async || {
        told.messages().await.len() == 1
    })
    .await;
    let left = told.messages().await;
    assert_eq!(left[0]["message"], "second");
    assert_eq!(left[0].get("expiresAt"), None);
    told.rig.stop().await;
}

#[tokio::test]
async fn one_message_goes_to_several_users() {
    let told = Telling::new().await;
    let bob = json!({"name": "bob", "pass": PASSWORD}).to_string();
    told.rig.api(Method::POST, "/user", &bob).await;
    let answer = told.tell("send-to ada,nobody,bob hello").await.unwrap();
    let deliveries: Value = serde_json::from_str(&answer).unwrap();
    assert!(deliveries[0]["outcome"]["ok"].is_u64(), "{answer}");
    assert!(
        deliveries[1]["outcome"]["err"]["invalid"].is_string(),
        "{answer}"
    );
    assert!(deliveries[2]["outcome"]["ok"].is_u64(), "{answer}");
    let listed = told
        .rig
        .client
        .get(format!("{}/message", told.rig.server.url()));
    let listed = listed
        .basic_auth("bob", Some(PASSWORD))
        .send()
        .await
        .unwrap();
    let listed: Value = serde_json::from_str(&listed.text().await.unwrap()).unwrap();
    assert_eq!(listed["messages"][0]["message"], "hello");
    assert_eq!(told.messages().await.len(), 1);
    // The recipient sees the plugin that sent it, and neither the call nor its user.
    let about = format!("/message/{}/calls", listed["messages"][0]["id"]);
    let about = told
        .rig
        .client
        .get(format!("{}{about}", told.rig.server.url()))
        .basic_auth("bob", Some(PASSWORD));
    let about: Value = about.send().await.unwrap().json().await.unwrap();
    assert_eq!(about["ofPlugin"]["modulePath"], ID, "{about}");
    assert_eq!(about["sentIn"], json!([]));
    assert!(!about.to_string().contains("ada"), "{about}");
    let own = format!("/message/{}/calls", told.messages().await[0]["id"]);
    let own = told.rig.api(Method::GET, &own, "").await;
    assert_eq!(own["ofPlugin"]["modulePath"], ID, "{own}");
    assert_eq!(own["sentIn"][0]["kind"], "webhook", "{own}");
    // To all, and after the grant is gone, to nobody.
    let answer = told.tell("send-to * again").await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&answer)
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let revoke = format!("/admin/plugins/{ID}/revoke");
    let less = json!({"allow": {"send-to-users": ["*"]}}).to_string();
    told.rig.api(Method::POST, &revoke, &less).await;
    is_refused(&told.tell("send-to bob again").await, "denied");
    told.rig.stop().await;
}

#[tokio::test]
async fn an_application_of_a_plugin_has_an_image() {
    let told = Telling::new().await;
    told.tell("send-as alerts hello").await.unwrap();
    let images = async || {
        let applications = told.rig.api(Method::GET, "/application", "").await;
        let applications = applications.as_array().unwrap().clone();
        let alerts = applications.iter().find(|one| one["name"] == "alerts");
        alerts.unwrap()["image"].as_str().unwrap().to_owned()
    };
    let plain = images().await;
    told.tell("image alerts 89504e470d0a1a0a00").await.unwrap();
    let image = images().await;
    assert_ne!(image, plain);
    let (status, _) = told.rig.get(&format!("/{image}")).await;
    assert_eq!(status, 200);
    is_refused(&told.tell("image alerts 3c7376673e").await, "invalid");
    told.tell("image alerts").await.unwrap();
    assert_eq!(images().await, plain);
    told.rig.stop().await;
}

#[tokio::test]
async fn cron_goes_by_the_time_zone_that_the_user_chooses() {
    let told = Telling::new().await;
    let choose = async |zone: &str| {
        let zone = json!({ "timeZone": zone }).to_string();
        told.rig
            .request(Method::PUT, "/current/user/timezone", &zone)
            .await
    };
    assert_eq!(choose("Asia/Tokyo").await.0, 200);
    told.tell("cron user 0 9 * * *").await.unwrap();
    told.tell("cron-in own Asia/Kolkata 0 9 * * *")
        .await
        .unwrap();
    told.tell("every-with poll 60000 5000 skip").await.unwrap();
    let slot = told.rig.slot(ID).await;
    let timers = async || {
        let path = format!("/plugin/{}/timers", slot.id);
        let timers = told.rig.api(Method::GET, &path, "").await;
        let of = |name: &str| {
            let timers = timers.as_array().unwrap();
            timers
                .iter()
                .find(|one| one["name"] == name)
                .unwrap()
                .clone()
        };
        [of("user"), of("own"), of("poll")]
    };
    let hour = |timer: &Value| timer["next"][0].as_str().unwrap()[11..16].to_owned();
    let [user, own, poll] = timers().await;
    assert_eq!(
        (hour(&user), hour(&own)),
        ("00:00".to_owned(), "03:30".to_owned())
    );
    assert_eq!(own["zone"], "Asia/Kolkata");
    assert_eq!(
        (&poll["jitterMs"], &poll["skipsMissed"]),
        (&json!(5000), &json!(true))
    );
    // Another choice moves what goes by it.
    assert_eq!(choose("America/Bogota").await.0, 200);
    let [user, own, _] = timers().await;
    assert_eq!(
        (hour(&user), hour(&own)),
        ("14:00".to_owned(), "03:30".to_owned())
    );
    let shown = told
        .rig
        .api(Method::GET, "/current/user/timezone", "")
        .await;
    assert_eq!(shown["timeZone"], "America/Bogota");
    let (status, text) = choose("Mars/Olympus").await;
    assert_eq!(status, 400);
    assert!(text.contains("`Mars/Olympus` is no time zone"), "{text}");
    is_refused(
        &told.tell("cron-in own Mars/Olympus 0 9 * * *").await,
        "invalid",
    );
    told.rig.stop().await;
}

#[tokio::test]
async fn timers_come_back_when_a_clock_that_was_ahead_is_set_right() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    let told = Telling::new().await;
    let slot = told.rig.slot(ID).await;
    let next = async || {
        let path = format!("/plugin/{}/timers", slot.id);
        let timers = told.rig.api(Method::GET, &path, "").await;
        timers[0]["next"][0].as_str().unwrap().to_owned()
    };
    let in_two_days = || rfc3339(now_ms() + 2 * 24 * 3_600_000);
    told.rig.clock.advance(YEAR);
    told.tell("cron daily 0 9 * * *").await.unwrap();
    assert!(next().await > in_two_days());
    told.rig.clock.set_back(YEAR);
    until("the timer is due again", async || {
        next().await < in_two_days()
    })
    .await;
    told.rig.stop().await;
}

#[tokio::test]
async fn timers_of_a_plugin_that_was_disabled_while_the_clock_was_set_right_come_back() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    let told = Telling::new().await;
    let slot = told.rig.slot(ID).await;
    let next = async || {
        let path = format!("/plugin/{}/timers", slot.id);
        let timers = told.rig.api(Method::GET, &path, "").await;
        timers[0]["next"][0].as_str().unwrap().to_owned()
    };
    let in_two_days = || rfc3339(now_ms() + 2 * 24 * 3_600_000);
    told.rig.clock.advance(YEAR);
    told.tell("cron daily 0 9 * * *").await.unwrap();
    assert_eq!(told.rig.post(&slot, "disable", "").await.0, 200);
    told.rig.clock.set_back(YEAR);
    assert!(next().await > in_two_days());
    assert_eq!(told.rig.post(&slot, "enable", "").await.0, 200);
    assert!(next().await < in_two_days());
    told.rig.stop().await;
}

#[tokio::test]
async fn a_timer_that_skips_missed_times_is_due_at_its_next_time() {
    let told = Telling::new().await;
    let slot = told.rig.slot(ID).await;
    // The plugin carries out a timer's name.
    told.tell("every-with sent 10000 0 skip").await.unwrap();
    told.rig.clock.advance(Duration::from_secs(3600));
    let calls = async || {
        let path = format!("/plugin/{}/trace", slot.id);
        let calls = told.rig.api(Method::GET, &path, "").await;
        let calls = calls.as_array().unwrap().clone();
        let of_timer = calls.into_iter().filter(|call| call["timer"] == "sent");
        of_timer.collect::<Vec<_>>()
    };
    until("it was skipped", async || !calls().await.is_empty()).await;
    let skipped = calls().await;
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert_eq!(skipped[0]["cause"], "not_at_work", "{skipped:?}");
    assert_eq!(skipped[0]["detail"], "it missed its time, and is skipped");
    // The wait for it is no longer than its interval.
    told.rig.clock.advance(Duration::from_secs(10));
    until("it fired", async || calls().await.len() == 2).await;
    let fired = calls().await;
    assert_eq!(fired[0]["cause"], Value::Null, "{fired:?}");
    told.rig.stop().await;
}

#[tokio::test]
async fn components_of_released_contracts_run() {
    let folder = guests::root().join("tests/released");
    let told = Telling::of(&folder.join("0.1.0.wasm")).await;
    let shown = told.rig.shown(ID).await;
    assert_eq!(shown["contract"], "0.1.0");
    let doctor = format!("/admin/plugins/{ID}/doctor");
    let doctor = told.rig.api(Method::GET, &doctor, "").await;
    assert_eq!(doctor["status"]["contract"], "0.1.0");
    // Every import of that version, and its types.
    let id = told.tell("send hello").await.unwrap();
    let got: Value = serde_json::from_str(&told.tell(&format!("get {id}")).await.unwrap()).unwrap();
    assert_eq!(got["content"]["body"], "hello");
    assert!(told.tell("sent").await.unwrap().contains("hello"));
    told.rig.stored("backup", "done").await;
    assert!(told.tell("received").await.unwrap().contains("done"));
    told.tell(&format!("remove {id}")).await.unwrap();
    told.tell("store key value").await.unwrap();
    assert_eq!(told.tell("load key").await.unwrap(), "value");
    assert_eq!(told.tell("keys k").await.unwrap(), r#"["key"]"#);
    told.tell("unset key").await.unwrap();
    told.tell("every poll 60000").await.unwrap();
    told.tell("cancel poll").await.unwrap();
    // As a filter, a listener and a timer.
    let backup = told.rig.api(Method::GET, "/application", "").await;
    let backup = backup
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "backup");
    let appid = backup.unwrap()["id"].as_i64().unwrap();
    let message = json!({"appid": appid, "title": "replace after", "message": "before"});
    let sent = told
        .rig
        .api(Method::POST, "/message", &message.to_string())
        .await;
    assert_eq!(sent["message"], "after");
    let says = async |answer: &str| told.tell("load answer").await.unwrap() == answer;
    told.tell("once calls 0").await.unwrap();
    until("the timer fires", async || !says("(none)").await).await;
    told.rig.stop().await;
    // A new one says which contract it is of.
    let told = Telling::new().await;
    assert_eq!(told.rig.shown(ID).await["contract"], "0.2.0");
    told.rig.stop().await;
}
