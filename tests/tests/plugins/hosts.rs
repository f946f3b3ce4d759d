//! The hosts that a plugin's process was granted, as an author and an administrator
//! see them: libraries find the proxy, and the doctor shows denials.

use std::net::SocketAddr;

use mortise_tests::{
    natives::python,
    server::{Data, Server, run},
};
use reqwest::Method;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::until;

const ID: &str = "org.example.fetch";

/// Fetches the address in a request's body, and answers with its version, and the
/// page or the error.
const FETCH: &str = r#"
import urllib.error
import urllib.request
import mortise_plugin as m

class Fetch(m.Plugin):
    manifest = m.Manifest(
        id="org.example.fetch", name="Fetch", version="@VERSION@",
        wants=[m.Want.webhook("It is asked."), m.Want.http("It fetches.", "@HOST@")])

    def handle(self, request):
        try:
            with urllib.request.urlopen(request.text(), timeout=20) as answer:
                text = answer.read().decode()
        except (OSError, urllib.error.URLError) as error:
            text = f"{error}"
        return m.WebhookResponse.text("@VERSION@ " + text)

m.run(Fetch)
"#;

/// Answers each request with a page, or with a redirect if there is a target.
pub(crate) async fn service(target: Option<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = match target {
        Some(target) => format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{target}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
        None => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\npage".to_owned(),
    };
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            if stream.read(&mut head).await.is_ok_and(|length| length > 0) {
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    address
}

async fn ask(server: &Server, path: &str, url: &str) -> String {
    let request = server.request(Method::POST, path).body(url.to_owned());
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_process_fetches_from_named_hosts_by_the_usual_variables() {
    let data = Data::new();
    let server = data.serve().await;
    let other = service(None).await;
    let named = service(None).await;
    let redirecting = service(Some(other)).await;
    let version = |version: &str| {
        let source = FETCH.replace("@HOST@", &format!("localhost:{}", named.port()));
        python(&source.replace("@VERSION@", version))
    };
    data.executable("fetch", &version("1.0.0"));
    until("it was there", async || server.plugin(ID).await.is_some()).await;
    let redirects = format!("http://{redirecting}");
    for arguments in [
        &["plugin", "grant", ID, "--as-asked"][..],
        &["plugin", "grant", ID, "--http", &redirects],
    ] {
        let data = ["--data-dir", data.path().to_str().unwrap()];
        let output = run(arguments.iter().chain(&data));
        assert!(output.status.success(), "{output:?}");
    }
    server.enable(ID, None).await;
    let slot = server.plugin(ID).await.unwrap();
    let token = slot["token"].as_str().unwrap();
    let path = format!("/plugin/{}/custom/{token}/", slot["id"]);

    let page = format!("http://localhost:{}/", named.port());
    assert_eq!(ask(&server, &path, &page).await, "1.0.0 page");
    for denied in [
        format!("http://{other}/"),
        format!("http://{redirecting}/"),
        "http://example.org/".to_owned(),
        "https://example.org/".to_owned(),
    ] {
        let said = ask(&server, &path, &denied).await;
        assert!(
            said.contains("403") && said.contains("permission `http`"),
            "{denied}: {said}"
        );
    }
    // The next version has the same ways.
    let install = server.admin(Method::POST, "/admin/plugins?name=fetch");
    let install = install.header("content-type", "application/octet-stream");
    let installed = install.body(version("2.0.0")).send().await.unwrap();
    assert_eq!(installed.status(), 200);
    assert_eq!(ask(&server, &path, &page).await, "2.0.0 page");

    let diagnosis = server.admin(Method::GET, &format!("/admin/plugins/{ID}/doctor"));
    let diagnosis: Value = diagnosis.send().await.unwrap().json().await.unwrap();
    let text = diagnosis.to_string();
    for target in [
        format!("http://{other}"),
        "https://example.org:443".to_owned(),
    ] {
        assert!(text.contains(&target), "{target}: {text}");
    }
    server.stop().await;
}
