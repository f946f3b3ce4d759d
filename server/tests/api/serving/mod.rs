//! How the server is reached, watched and kept: TLS, sockets, a path prefix,
//! settings that change, metrics, limits and retention.

mod acme;
mod http2;

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use mortise_server::{
    Config, Server, StartError,
    config::{Limits, Listen, Retention},
};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::support::{ADMIN, As, Running, ok, refused};

/// A server with other settings.
async fn with(change: impl FnOnce(&mut Config)) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let mut config = crate::support::config(&directory);
    change(&mut config);
    let server = Server::start(config, mortise_backends::of_server)
        .await
        .unwrap();
    Running {
        server,
        http: reqwest::Client::new(),
        directory,
    }
}

/// The answer to a request, read to its end.
async fn asked(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The other end may close without a goodbye of TLS.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// A certificate of the tests, and its key, in a folder.
fn certificate(folder: &Path, name: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/serving");
    for (extension, file) in [("pem", "tls.pem"), ("key", "tls.key")] {
        fs::copy(
            source.join(format!("{name}.{extension}")),
            folder.join(file),
        )
        .unwrap();
    }
}

/// The settings of a client that trusts a certificate of the tests.
fn trusting(name: &str) -> ClientConfig {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/serving");
    let pem = fs::read(source.join(format!("{name}.pem"))).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&pem).unwrap())
        .unwrap();
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Whether a server shows this certificate; it answers then.
async fn shows(address: SocketAddr, name: &str) -> bool {
    let config = trusting(name);
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    match TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
    {
        Ok(stream) => {
            let answer = asked(stream, "/health").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            true
        }
        Err(_) => false,
    }
}

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn https_with_a_certificate_that_is_renewed() {
    let files = tempfile::tempdir().unwrap();
    certificate(files.path(), "one");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port().await));
    let running = with(|config| {
        config.listen = vec![Listen::Tcp(address)];
        config.tls_cert = Some(files.path().join("tls.pem"));
        config.tls_key = Some(files.path().join("tls.key"));
    })
    .await;
    assert!(running.server.is_secure());
    assert!(shows(address, "one").await);
    // The command line's own way in stays plain, on loopback.
    ok(running.get("/current/user", &ADMIN).await);
    certificate(files.path(), "two");
    assert!(shows(address, "one").await);
    let settings = running.server.state().config.clone();
    running.server.reload(settings.clone()).unwrap();
    assert!(shows(address, "two").await);
    // A certificate that cannot be read leaves the one before.
    fs::write(files.path().join("tls.key"), "none").unwrap();
    let error = running.server.reload(settings.clone()).unwrap_err();
    assert!(error.to_string().contains("tls.key"), "{error}");
    assert!(shows(address, "two").await);
    running.server.shutdown().await;
    let error = Server::start(settings, mortise_backends::of_server)
        .await
        .unwrap_err();
    assert!(error.help().unwrap().contains("--tls-cert"), "{error}");
}

#[tokio::test]
async fn a_socket_in_the_file_system() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("mortise.sock");
    let start = async |path: &Path| {
        let directory = tempfile::tempdir().unwrap();
        let mut config = crate::support::config(&directory);
        config.listen = vec![Listen::Unix(path.to_owned())];
        Server::start(config, mortise_backends::of_server)
            .await
            .map(|server| (server, directory))
    };
    // One that a killed server left is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let (server, _directory) = start(&path).await.unwrap();
    let answer = asked(UnixStream::connect(&path).await.unwrap(), "/health").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = asked(TcpStream::connect(server.addr()).await.unwrap(), "/health").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // One that is in use is not.
    let error = start(&path).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    assert!(error.to_string().contains("another program"), "{error}");
    server.shutdown().await;
    assert!(!path.exists());
    fs::write(&path, "a file").unwrap();
    let error = start(&path).await.unwrap_err();
    assert!(error.to_string().contains("no socket is there"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"a file");
}

#[tokio::test]
async fn several_addresses() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("mortise.sock");
    let free = Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
    let other = SocketAddr::from(([127, 0, 0, 1], free_port().await));
    let listen = vec![Listen::Unix(path.clone()), free, Listen::Tcp(other)];
    let running = with(|config| config.listen = listen).await;
    let server = &running.server;
    let first = server.served().unwrap();
    assert_eq!(server.addr(), first);
    let shown = [
        format!("unix:{}", path.display()),
        format!("http://{first}"),
        format!("http://{other}"),
    ];
    assert_eq!(server.listens(), shown);
    let answer = asked(UnixStream::connect(&path).await.unwrap(), "/health").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for address in [first, other] {
        let answer = asked(TcpStream::connect(address).await.unwrap(), "/health").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // One that is taken is named.
    let directory = tempfile::tempdir().unwrap();
    let mut config = crate::support::config(&directory);
    config.listen.push(Listen::Tcp(other));
    let error = Server::start(config, mortise_backends::of_server)
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&other.to_string()), "{error}");
    running.server.shutdown().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn plain_http_beside_https_is_redirected() {
    let files = tempfile::tempdir().unwrap();
    certificate(files.path(), "one");
    let secure = SocketAddr::from(([127, 0, 0, 1], free_port().await));
    let plain = SocketAddr::from(([127, 0, 0, 1], free_port().await));
    let start = async |redirects: bool| {
        with(|config| {
            config.listen = vec![Listen::Tcp(secure)];
            config.http_listen = vec![Listen::Tcp(plain)];
            config.redirect_to_https = redirects;
            config.tls_cert = Some(files.path().join("tls.pem"));
            config.tls_key = Some(files.path().join("tls.key"));
            config.path_prefix = "/push".parse().unwrap();
        })
        .await
    };
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let health = format!("http://{plain}/push/health?a=b");
    let running = start(true).await;
    let listens = [format!("https://{secure}"), format!("http://{plain}")];
    assert_eq!(running.server.listens(), listens);
    let answer = client.get(&health).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let target = format!("https://{secure}/push/health?a=b");
    assert_eq!(answer.headers()["location"], target.as_str());
    assert!(answer.headers().contains_key("x-request-id"));
    // A message was sent in the clear: its sender has to notice.
    let message = client.post(format!("http://{plain}/push/message?token=A"));
    let answer = message.body("message=m").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer["errorDescription"], "Use HTTPS");
    assert!(shows(secure, "one").await);
    running.server.shutdown().await;
    let running = start(false).await;
    assert_eq!(client.get(&health).send().await.unwrap().status(), 200);
    assert!(shows(secure, "one").await);
    running.server.shutdown().await;
    // Without HTTPS, there is nothing to redirect to.
    let directory = tempfile::tempdir().unwrap();
    let mut config = crate::support::config(&directory);
    config.http_listen = vec![Listen::Tcp(plain)];
    let error = Server::start(config, mortise_backends::of_server)
        .await
        .unwrap_err();
    assert!(error.help().unwrap().contains("--listen"), "{error}");
}

#[tokio::test]
async fn below_a_path() {
    let running = with(|config| config.path_prefix = "/push".parse().unwrap()).await;
    let connect = || TcpStream::connect(running.server.addr());
    for (path, status) in [
        ("/push/health", "200"),
        ("/push//version", "200"),
        ("/push/current/user", "401"),
        // A proxy may have taken it away.
        ("/health", "200"),
        ("/pushing/health", "404"),
    ] {
        let answer = asked(connect().await.unwrap(), path).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{path} {answer}"
        );
    }
    // A redirect leads below it, also from a proxy that takes it away.
    for path in ["/push/message/?limit=5", "/message/?limit=5"] {
        let answer = asked(connect().await.unwrap(), path).await;
        let answer = answer.to_ascii_lowercase();
        assert!(
            answer.contains("location: /push/message?limit=5"),
            "{path} {answer}"
        );
    }
    let described = ok(running.get("/openapi.json", &As::Nobody).await);
    assert_eq!(described["servers"], json!([{"url": "/push"}]));
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_session_below_a_path_is_of_this_path_only() {
    let running = with(|config| config.path_prefix = "/push".parse().unwrap()).await;
    let login = running
        .request(reqwest::Method::POST, "/push/auth/local/login", &ADMIN)
        .form(&[("name", "laptop")]);
    let answer = login.send().await.unwrap();
    let cookie = |answer: &reqwest::Response| {
        let cookie = &answer.headers()[reqwest::header::SET_COOKIE];
        cookie.to_str().unwrap().to_owned()
    };
    let begun = cookie(&answer);
    assert!(begun.contains("; Path=/push; "), "{begun}");
    let (session, _) = begun.split_once(';').unwrap();
    // A server at the root of the host has a session of its own in the browser.
    let both = format!("{session}; gotify-client-token=Cother");
    let request = |method, path| {
        let request = running.request(method, path, &As::Nobody);
        request.header(reqwest::header::COOKIE, &both)
    };
    let user = request(reqwest::Method::GET, "/push/current/user");
    assert_eq!(user.send().await.unwrap().status(), 200);
    let logout = request(reqwest::Method::POST, "/push/auth/logout");
    let ended = cookie(&logout.send().await.unwrap());
    assert!(ended.contains("=; Path=/push; Max-Age=0; "), "{ended}");
    running.server.shutdown().await;
}

#[tokio::test]
async fn settings_change_while_the_server_runs() {
    let running = with(|_| {}).await;
    let info = async || ok(running.get("/gotifyinfo", &As::Nobody).await);
    assert_eq!(info().await["register"], false);
    let mut changed = running.server.state().config.clone();
    changed.registration = true;
    changed.token_form = mortise_server::config::TokenForm::Prefixed;
    changed.response_headers = vec!["X-Frame-Options: DENY".parse().unwrap()];
    changed.limits.max_streams = 0;
    running.server.reload(changed).unwrap();
    assert_eq!(info().await["register"], true);
    let (_, sender) = running.application("a").await;
    assert!(matches!(sender, As::Token(token) if token.starts_with("gtfya.")));
    let answer = running.request(reqwest::Method::GET, "/health", &As::Nobody);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.headers()["x-frame-options"], "DENY");
    let hub = &running.server.state().hub;
    let many: Vec<_> = (0..300).map(|_| hub.subscribe(1, None).unwrap()).collect();
    assert_eq!(hub.connections(), many.len());
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_user_has_as_many_streams_as_the_settings_say() {
    let running = with(|config| config.limits.max_streams = 2).await;
    let hub = &running.server.state().hub;
    let _two = [
        hub.subscribe(1, None).unwrap(),
        hub.subscribe(1, None).unwrap(),
    ];
    assert!(hub.subscribe(1, None).is_none());
    assert!(hub.subscribe(2, None).is_some());
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_request_is_as_long_as_the_settings_say() {
    let (head, body) = ("h".repeat(20 << 10), "b".repeat(65 << 10));
    for (head_size, body_size, fits) in [("128KiB", "2MiB", true), ("16KiB", "64KiB", false)] {
        let running = with(|config| {
            config.limits.max_head_size = head_size.parse().unwrap();
            config.limits.max_body_size = body_size.parse().unwrap();
        })
        .await;
        let request = running.request(reqwest::Method::GET, "/health", &ADMIN);
        // The server may close the connection before the client has read the answer.
        let answer = request.header("x-long", &head).send().await;
        let expected: u16 = if fits { 200 } else { 431 };
        match answer {
            Ok(answer) => assert_eq!(answer.status().as_u16(), expected),
            Err(error) => assert!(!fits, "{error}"),
        }
        let application = json!({ "name": "one", "description": body });
        let made = running.post("/application", &ADMIN, application).await;
        if fits {
            ok(made);
        } else {
            refused(made, 413, "too long");
        }
        running.server.shutdown().await;
    }
}

#[tokio::test]
async fn a_sender_that_sends_too_much_waits() {
    let running = with(|config| {
        config.limits = Limits {
            application_rate: 3,
            ..Limits::default()
        };
    })
    .await;
    let (_, one) = running.application("one").await;
    let (_, two) = running.application("two").await;
    for _ in 0..3 {
        ok(running
            .post("/message", &one, json!({"message": "m"}))
            .await);
    }
    let request = running.request(reqwest::Method::POST, "/message", &one);
    let answer = request.json(&json!({"message": "m"})).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=21).contains(&wait), "{wait}");
    let sent = running
        .post("/message", &one, json!({"message": "m"}))
        .await;
    refused(sent, 429, "--application-rate");
    ok(running
        .post("/message", &two, json!({"message": "m"}))
        .await);
    running.server.shutdown().await;
}

/// The ids of an application's messages, newest first.
async fn ids(running: &Running, application: i64) -> Vec<i64> {
    let path = format!("/application/{application}/message?limit=200");
    let page = ok(running.get(&path, &ADMIN).await);
    let messages = page["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn old_messages_go() {
    let running = with(|_| {}).await;
    let (one, sender) = running.application("one").await;
    let (two, other) = running.application("two").await;
    for _ in 0..5 {
        ok(running
            .post("/message", &sender, json!({"message": "m"}))
            .await);
    }
    ok(running
        .post("/message", &other, json!({"message": "m"}))
        .await);
    let retained = async |retention: Retention| {
        let mut config = running.server.state().config.clone();
        config.retention = retention;
        running.server.reload(config).unwrap();
        mortise_server::retain(running.server.state())
            .await
            .unwrap()
    };
    assert_eq!(retained(Retention::default()).await, 0);
    let count = Retention {
        keep_messages: Some(2.try_into().unwrap()),
        ..Retention::default()
    };
    assert_eq!(retained(count.clone()).await, 3);
    assert_eq!(ids(&running, one).await, [5, 4]);
    assert_eq!(ids(&running, two).await, [6]);
    assert_eq!(retained(count).await, 0);
    let age = |time| Retention {
        keep_messages_for: Some(time),
        ..Retention::default()
    };
    assert_eq!(retained(age(Duration::from_secs(3600))).await, 0);
    // Each of them is older than that, or becomes it within a moment.
    let mut deleted = 0;
    while deleted < 3 {
        deleted += retained(age(Duration::from_millis(1))).await;
    }
    assert_eq!(ids(&running, one).await, Vec::<i64>::new());
    running.server.shutdown().await;
}

#[tokio::test]
async fn an_application_keeps_its_own_number_of_messages() {
    let (running, clock) = crate::support::start_with_clock().await;
    let (one, sender) = running.application("one").await;
    let (two, other) = running.application("two").await;
    for sender in [&sender, &sender, &sender, &other] {
        ok(running
            .post("/message", sender, json!({"message": "m"}))
            .await);
    }
    let retention = format!("/application/{one}/retention");
    let set = async |bounds: serde_json::Value| running.put(&retention, &ADMIN, bounds).await;
    let retained = async || {
        mortise_server::retain(running.server.state())
            .await
            .unwrap()
    };
    let shown = ok(set(json!({"keepMessages": 2})).await);
    assert_eq!(shown["keepMessages"], 2);
    assert_eq!(shown["keepMessagesForSeconds"], serde_json::Value::Null);
    assert_eq!(retained().await, 1);
    assert_eq!(ids(&running, one).await, [3, 2]);
    let shown = ok(set(json!({"keepMessagesForSeconds": 60})).await);
    assert_eq!(shown["keepMessagesForSeconds"], 60);
    assert_eq!(shown["keepMessages"], serde_json::Value::Null);
    assert_eq!(retained().await, 0);
    clock.advance(Duration::from_secs(61));
    assert_eq!(retained().await, 2);
    assert_eq!(ids(&running, one).await, Vec::<i64>::new());
    assert_eq!(ids(&running, two).await, [4]);
    // No bound is not in the answer, as Gotify's clients know it.
    let shown = ok(set(json!({"keepMessages": 0})).await);
    assert!(shown.get("keepMessages").is_none(), "{shown}");
    assert!(shown.get("keepMessagesForSeconds").is_none(), "{shown}");
    let negative = set(json!({"keepMessages": -1})).await;
    refused(negative, 400, "`keepMessages` must be from 0");
    let long = set(json!({"keepMessagesForSeconds": 1_u64 << 40})).await;
    refused(long, 400, "`keepMessagesForSeconds` must be from 0");
    running.server.shutdown().await;
}

#[tokio::test]
async fn metrics_and_readiness() {
    let running = with(|_| {}).await;
    let ready = ok(running.get("/ready", &As::Nobody).await);
    assert_eq!(ready, json!({"database": true, "plugins": true}));
    let (_, sender) = running.application("one").await;
    ok(running
        .post("/message", &sender, json!({"message": "m"}))
        .await);
    let metrics = async |who: &As| {
        let answer = running.request(reqwest::Method::GET, "/metrics", who);
        let answer = answer.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.text().await.unwrap())
    };
    assert_eq!(metrics(&As::Nobody).await.0, 401);
    assert_eq!(metrics(&sender).await.0, 401);
    let (_, client) = running.client(&ADMIN).await;
    let (status, text) = metrics(&client).await;
    assert_eq!(status, 200);
    for line in [
        "mortise_users 1",
        "mortise_applications 1",
        "mortise_clients 1",
        "mortise_last_message_id 1",
        "mortise_streams 0",
        "mortise_http_requests_total{method=\"POST\",route=\"/message\",status=\"200\"} 1",
        "mortise_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"401\"} 2",
        "# TYPE mortise_plugin_up gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    // Each line is a comment, or a name with a number.
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (_, number) = line.rsplit_once(' ').unwrap();
        assert!(number.parse::<f64>().is_ok(), "{line}");
    }
    let person = json!({"name": "ann", "pass": "a password", "admin": false});
    ok(running.post("/user", &ADMIN, person).await);
    let ann = As::Password("ann", "a password");
    assert_eq!(metrics(&ann).await.0, 403);
    let mut config = running.server.state().config.clone();
    config.public_metrics = true;
    running.server.reload(config).unwrap();
    assert_eq!(metrics(&As::Nobody).await.0, 200);
    running.server.shutdown().await;
}

#[tokio::test]
async fn each_request_has_an_id() {
    let running = with(|_| {}).await;
    let id = async |given: Option<&str>| {
        let mut request = running.request(reqwest::Method::GET, "/health", &As::Nobody);
        if let Some(given) = given {
            request = request.header("X-Request-Id", given);
        }
        let answer = request.send().await.unwrap();
        answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(id(Some("from-the-proxy.1")).await, "from-the-proxy.1");
    let (one, two) = (id(None).await, id(Some("with a space")).await);
    assert_eq!((one.len(), two.len()), (16, 16));
    assert_ne!(one, two);
    running.server.shutdown().await;
}
