//! The example `everything` as a native plugin, with this test as its host: the
//! frames that `native-bridge/PROTOCOL.md` describes, over a real socket.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process::{Child, Command},
    time::Duration,
};

use serde_json::{Value, json};

struct Host {
    stream: UnixStream,
    plugin: Child,
    folder: PathBuf,
    next: u64,
}

/// Cargo builds examples beside tests.
fn example() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(|deps| deps.parent()).unwrap();
    folder.join("examples/everything")
}

impl Host {
    fn new(test: &str) -> Self {
        let name = format!("mortise-sdk-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let plugin = Command::new(example())
            .env("MORTISE_SOCKET", &socket)
            .env("MORTISE_SECRET", "secret")
            .spawn()
            .unwrap();
        let stream = listener.accept().unwrap().0;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut host = Self {
            stream,
            plugin,
            folder,
            next: 1,
        };
        let hello = host.hear();
        assert_eq!(hello["protocol"], "mortise-native");
        assert_eq!(hello["secret"], "secret");
        host.say(&json!({
            "type": "welcome", "protocol": "mortise-native", "version": 1, "contract": "0.2.0",
            "codec": "json", "features": [], "max_frame": 1 << 20, "max_calls": 16,
            "cancel_grace_ms": 1000, "something": "newer",
        }));
        host
    }

    fn say(&mut self, message: &Value) {
        let content = message.to_string();
        let length = u32::try_from(content.len()).unwrap();
        self.stream.write_all(&length.to_be_bytes()).unwrap();
        self.stream.write_all(content.as_bytes()).unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).unwrap();
        let mut content = vec![0; u32::from_be_bytes(header) as usize];
        self.stream.read_exact(&mut content).unwrap();
        serde_json::from_slice(&content).unwrap()
    }

    fn call(&mut self, method: &str, instance: Option<u64>, params: &Value) -> u64 {
        let id = self.next;
        self.next += 1;
        self.say(&json!({
            "type": "call", "id": id, "method": method, "instance": instance,
            "deadline_ms": 5000, "params": params,
        }));
        id
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let instance = (!method.starts_with("instance.")).then_some(1);
        let id = self.call(method, instance, params);
        let answer = self.hear();
        assert_eq!(answer["id"], id, "{answer}");
        match answer["type"].as_str() {
            Some("reply") => answer["result"].clone(),
            _ => answer["error"].clone(),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.plugin.kill();
        let _ = self.plugin.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn user() -> Value {
    json!({"id": 7, "name": "ann", "admin": false})
}

fn draft(body: &str) -> Value {
    let content = json!({"title": "", "body": body, "priority": 1});
    json!({"draft": {
        "application": {"id": 1, "name": "a"}, "content": content, "received_ms": 1,
    }})
}

#[test]
fn the_program_is_a_native_plugin() {
    let mut host = Host::new("plugin");
    let manifest = host.ask("manifest.describe", &json!({}));
    assert_eq!(manifest["id"], "io.mortise.everything");
    assert_eq!(manifest["wants"][0]["permission"], "send_messages");
    let made = host.ask("instance.create", &json!({"instance": 1, "user": user()}));
    assert_eq!(
        made["capabilities"],
        json!([
            "lifecycle",
            "configurer",
            "displayer",
            "webhook",
            "filter",
            "listener",
            "timer"
        ])
    );
    assert_eq!(
        host.ask("configurer.defaults", &json!({})),
        "greeting: \"\"\n"
    );
    let problems = host.ask("configurer.apply", &json!({"config": "greting: Hi"}));
    assert_eq!(problems["kind"], "problems");
    let applied = host.ask("configurer.apply", &json!({"config": "greeting: Hi"}));
    assert_eq!(applied, Value::Null);
    assert_eq!(
        host.ask("lifecycle.start", &json!({"user": user()})),
        Value::Null
    );
    assert_eq!(
        host.ask("displayer.display", &json!({"base_url": null})),
        "Hi ann"
    );

    assert_eq!(host.ask("filter.filter", &draft("x")), "keep");
    assert_eq!(
        host.ask("filter.filter", &draft("refuse"))["kind"],
        "refused"
    );
    let crash = host.ask("filter.filter", &draft("panic"));
    assert_eq!(crash["kind"], "crashed");
    assert!(
        crash["text"].as_str().unwrap().starts_with("asked to at "),
        "{crash}"
    );
    assert_ne!(crash["details"], "");
    assert_eq!(host.ask("filter.filter", &json!({}))["kind"], "invalid");
    assert_eq!(
        host.ask("filter.sort", &json!({}))["kind"],
        "unknown_method"
    );

    // It asks while it is asked, and answers pings meanwhile.
    let request = json!({
        "method": "POST", "path": "", "headers": [], "body": "aGVsbG8=", "client": "::1",
        "scheme": "http", "host": "h", "base_path": "/",
    });
    let id = host.call("webhook.handle", Some(1), &json!({"request": request}));
    let asked = host.hear();
    assert_eq!(asked["method"], "messages.send");
    assert_eq!(asked["params"]["message"]["content"]["body"], "hello");
    assert_eq!(host.ask("health.ping", &json!({})), Value::Null);
    host.say(&json!({"type": "reply", "id": asked["id"], "result": 41}));
    let answer = host.hear();
    assert_eq!(
        (&answer["id"], &answer["result"]["body"]),
        (&json!(id), &json!("NDE="))
    );

    // One that is cancelled is answered at once, and only once.
    let id = host.call("webhook.handle", Some(1), &json!({"request": request}));
    let asked = host.hear();
    host.say(&json!({"type": "cancel", "id": id}));
    let answer = host.hear();
    assert_eq!(
        (&answer["id"], &answer["error"]["kind"]),
        (&json!(id), &json!("cancelled"))
    );
    host.say(&json!({
        "type": "error", "id": asked["id"], "error": {"kind": "denied", "text": "no"},
    }));
    assert_eq!(host.ask("health.ping", &json!({})), Value::Null);

    assert_eq!(
        host.ask("instance.drop", &json!({"instance": 1})),
        Value::Null
    );
    assert_eq!(
        host.ask("filter.filter", &draft("x"))["kind"],
        "unknown_instance"
    );
    assert_eq!(host.ask("process.shutdown", &json!({})), Value::Null);
    assert!(host.plugin.wait().unwrap().success());
}

#[test]
fn it_calls_out_by_itself() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
            .unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let mut host = Host::new("http");
    host.ask("instance.create", &json!({"instance": 1, "user": user()}));
    let id = host.call("timer.on_timer", Some(1), &json!({"name": address}));
    let note = host.hear();
    assert_eq!(
        (&note["type"], &note["method"]),
        (&json!("notify"), &json!("log.write"))
    );
    assert_eq!(note["params"], json!({"level": "info", "text": "hello"}));
    assert_eq!(
        host.hear(),
        json!({"type": "reply", "id": id, "result": null})
    );
    assert!(serving.join().unwrap().starts_with("GET / HTTP/1.1\r\n"));
}

#[test]
fn it_ends_with_the_host() {
    let mut host = Host::new("end");
    host.ask("instance.create", &json!({"instance": 1, "user": user()}));
    host.stream.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(host.plugin.wait().unwrap().success());
}

#[test]
fn run_by_hand_it_says_what_it_is() {
    let output = Command::new(example())
        .env_remove("MORTISE_SOCKET")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with("Everything 1.0.0 is a plugin for Mortise"),
        "{text}"
    );
}
