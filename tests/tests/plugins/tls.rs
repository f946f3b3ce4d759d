//! Connections of processes in Go and Python: encrypted ones to a named host, and those
//! to this machine.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use mortise_tests::{
    natives::{go, python},
    server::{Data, Server, run},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{hosts::service, until};

const PYTHON: &str = include_str!("../../escapes/process.py");

/// A service that speaks TLS, with a certificate for the name `127.1`. Resolvers read
/// that as an address, so that the name needs no entry anywhere.
const SERVICE: &str = r#"
import http.server, ssl, sys, threading

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
"#;

/// The service, which ends with the value.
struct Encrypted {
    child: Child,
    port: u16,
}

impl Encrypted {
    fn start() -> Self {
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins");
        let mut child = Command::new("python3")
            .args(["-c", SERVICE])
            .args(["named.pem", "named.key"].map(|name| files.join(name)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        Self {
            child,
            port: line.trim().parse().unwrap(),
        }
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Has the plugin fetch an address: the status, or the error.
async fn fetch(server: &Server, path: &str, url: &str) -> Result<String, String> {
    let deed = json!({ "verb": "fetch", "values": [url] });
    let answer = server.request(Method::POST, path).json(&deed);
    let answer: Value = answer.send().await.unwrap().json().await.unwrap();
    match answer["done"].as_str() {
        // A language may add the reason.
        Some(done) => Ok(done.split(' ').next().unwrap_or_default().to_owned()),
        None => Err(answer["text"].as_str().unwrap_or_default().to_owned()),
    }
}

/// Starts a server with a plugin that was granted these hosts, and has the service's
/// certificate among those that it trusts. Returns the path of its webhook.
async fn confined(
    data: &Data,
    trusted: &Path,
    (program, id): (&[u8], &str),
    hosts: &[&str],
) -> (Server, String) {
    let certificate = trusted.join("named.pem");
    std::fs::write(&certificate, include_bytes!("named.pem")).unwrap();
    let mut command = data.command();
    command.env("SSL_CERT_FILE", &certificate);
    let server = data.serve_with(command).await;
    data.executable("deeds", program);
    until("it was there", async || server.plugin(id).await.is_some()).await;
    data.grant_as_asked(id);
    let mut arguments = vec!["plugin", "grant", id, "--env", "SSL_CERT_FILE", "--dir"];
    arguments.push(trusted.to_str().unwrap());
    for host in hosts {
        arguments.extend(["--http", host]);
    }
    arguments.extend(["--data-dir", data.path().to_str().unwrap()]);
    let output = run(arguments);
    assert!(output.status.success(), "{output:?}");
    server.enable(id, None).await;
    let plugin = server.plugin(id).await.unwrap();
    let token = plugin["token"].as_str().unwrap();
    let path = format!("/plugin/{}/custom/{token}/", plugin["id"]);
    (server, path)
}

/// All that a process in some language reaches, and all that it does not.
async fn connects(program: &[u8], id: &str) {
    let (data, trusted) = (Data::new(), tempfile::tempdir().unwrap());
    let service_by_tls = Encrypted::start();
    let port = service_by_tls.port;
    let (one, other) = (service(None).await, service(None).await);
    let names = ["127.1", "0177.1"].map(|name| format!("{name}:{port}"));
    let [named, misnamed] = &names;
    let hosts = [named, misnamed, "127.0.0.1:*"];
    let (server, path) = confined(&data, trusted.path(), (program, id), &hosts).await;
    let fetch = async |url: String| fetch(&server, &path, &url).await;

    // Through the proxy, which sees nothing of it.
    assert_eq!(
        fetch(format!("https://{named}/")).await.as_deref(),
        Ok("200")
    );
    let error = fetch(format!("https://{misnamed}/")).await.unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    let error = fetch(format!("https://2130706433:{port}/"))
        .await
        .unwrap_err();
    assert!(
        error.contains("403") || error.contains("permission"),
        "{error}"
    );

    // Libraries use no proxy for this machine.
    for port in [one.port(), other.port(), one.port()] {
        let url = format!("http://127.0.0.1:{port}/");
        assert_eq!(fetch(url).await.as_deref(), Ok("200"));
    }
    for denied in ["127.0.0.2", "[::1]"] {
        fetch(format!("http://{denied}:{}/", one.port()))
            .await
            .unwrap_err();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_process_in_python_speaks_tls_and_reaches_any_granted_port() {
    connects(&python(PYTHON), "test.deeds.python").await;
}

#[tokio::test]
async fn a_process_in_go_speaks_tls_and_reaches_any_granted_port() {
    connects(&go("tests/escapes/go"), "test.deeds.go").await;
}
