//! Fair shares: no connection, login or plugin keeps the others out.

use std::{
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use mortise_tests::{
    natives::python,
    server::{Data, PASSWORD, USER, body},
};
use mortise_wait::until;
use reqwest::Method;
use serde_json::json;

/// A listener that answers each message that is not its own.
const ECHO: &str = r#"
import mortise_plugin as m

class Echo(m.Plugin):
    manifest = m.Manifest(
        id="org.example.@NAME@", name="@NAME@", version="1.0.0",
        wants=[m.Want.read_messages("It answers."), m.Want.send_messages("It answers.")])

    def on_messages(self, messages):
        for message in messages:
            try:
                self.host.send("from @NAME@", message.content.body)
            except Exception as error:
                print(error)

m.run(Echo)
"#;

#[tokio::test]
async fn plugins_that_answer_each_other_come_to_an_end() {
    let data = Data::new();
    let server = data.serve().await;
    let token = server.application("backup").await;
    for name in ["ping", "pong"] {
        data.executable(name, &python(&ECHO.replace("@NAME@", name)));
        let id = format!("org.example.{name}");
        until("it was there", async || server.plugin(&id).await.is_some()).await;
        server.enable(&id, None).await;
    }
    let message = json!({ "title": "first", "message": "x" });
    assert_eq!(server.send(&token, &message).await.status(), 200);
    let denied = "plugins answer each other's messages without end";
    // Each of them is denied its last answer.
    until("both loops ended", async || {
        server.log().matches(denied).count() >= 2
    })
    .await;
    let answers = server.messages().await.len();
    assert!((17..=64).contains(&answers), "{answers} messages");
    // Others send as before, and the loop does not begin again by itself.
    let other = json!({ "title": "other", "message": "y" });
    assert_eq!(server.send(&token, &other).await.status(), 200);
    server.assert_healthy().await;
    server.stop().await;
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let data = Data::new();
    let serve = data.command();
    // Half of the descriptors are for connections.
    let mut few = Command::new("sh");
    few.args(["-c", "ulimit -n 160; exec \"$0\" \"$@\""])
        .arg(serve.get_program())
        .args(serve.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => few.env(name, value),
            None => few.env_remove(name),
        };
    }
    let server = data.serve_with(few).await;
    let token = server.application("backup").await;
    let address = server.url().strip_prefix("http://").unwrap();
    let idle: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    for number in 0..20 {
        let message = json!({ "title": number.to_string(), "message": "x" });
        assert_eq!(server.send(&token, &message).await.status(), 200);
    }
    // A newcomer, too.
    let newcomer = reqwest::Client::builder().no_proxy().build().unwrap();
    let version = newcomer.get(format!("{}/version", server.url())).send();
    let version = tokio::time::timeout(Duration::from_secs(30), version).await;
    assert_eq!(version.unwrap().unwrap().status(), 200);
    drop(idle);
    server.stop().await;
}

#[tokio::test]
async fn guesses_at_a_password_delay_others_and_keep_nobody_out() {
    const GUESSES: usize = 24;
    let data = Data::new();
    let server = data.serve().await;
    let login = async |name: &str, password: &str| {
        let request = server.request(Method::GET, "/current/user");
        request
            .basic_auth(name, Some(password))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    let user = json!({ "name": "ann", "pass": "correct horse", "admin": false });
    let made = server.admin(Method::POST, "/user").json(&user).send().await;
    assert_eq!(made.unwrap().status(), 200);
    let wrong = std::cell::Cell::new(0);
    let guesses = futures_util::future::join_all((0..GUESSES).map(|_| async {
        assert_eq!(login("ann", "a guess").await, 401);
        wrong.set(wrong.get() + 1);
    }));
    let right = async {
        until("guesses are under way", async || wrong.get() > 0).await;
        assert_eq!(login(USER, PASSWORD).await, 200);
        wrong.get()
    };
    let (_, before) = tokio::join!(guesses, right);
    assert!(
        before < GUESSES,
        "the right login came after all {GUESSES} guesses"
    );
    assert!(server.log().contains("failed login"), "{}", server.log());
    let user = server.admin(Method::GET, "/current/user").send().await;
    assert_eq!(body(user.unwrap()).await["name"], USER);
    server.stop().await;
}
