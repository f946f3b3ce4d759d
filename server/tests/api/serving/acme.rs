//! Certificates from a real authority on loopback: `pebble`, which is made for such
//! tests, and its name server. `cargo xtask test` installs both and says where they
//! are.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use mortise_server::{
    Config, Server, StartError,
    config::Listen,
    time::{Clock, ClockHand},
};
use mortise_wait::{found, until};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::{asked, free_port, trusting};
use crate::support::{ADMIN, As, Running, ok};

/// The names of the certificates. The name server has all names at 127.0.0.1.
const NAMES: [&str; 2] = ["push.example.test", "gotify.example.test"];
/// A name that the authority refuses.
const REFUSED: &str = "refused.example.test";
/// The key id and the HMAC key of an authority's customer.
const CUSTOMER: [&str; 2] = [
    "kid-1",
    "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
];
/// The time after which a certificate of 90 days is renewed.
const RENEWAL: Duration = Duration::from_secs(61 * 24 * 3600);

/// A process that ends with the handle.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(quiet.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

/// The files and ports of an authority, which may run or not.
struct Authority {
    folder: TempDir,
    port: u16,
    management: u16,
    names: u16,
    _name_server: Process,
}

fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("MORTISE_TEST_PEBBLE").expect(
        "MORTISE_TEST_PEBBLE is not set: run `cargo xtask test`, which installs the authority and \
         sets it",
    );
    Path::new(&folder).join(name)
}

impl Authority {
    /// An authority that verifies names at this port.
    async fn new(verified_at: u16) -> Self {
        Self::with(verified_at, json!({})).await
    }

    /// An authority that issues certificates to its customer only.
    async fn for_customers(verified_at: u16) -> Self {
        let customers = json!({
            "externalAccountBindingRequired": true,
            "externalAccountMACKeys": {CUSTOMER[0]: CUSTOMER[1]},
        });
        Self::with(verified_at, customers).await
    }

    /// An authority with these settings besides the usual ones.
    async fn with(verified_at: u16, more: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [port, management, names, control] = [
            free_port().await,
            free_port().await,
            free_port().await,
            free_port().await,
        ];
        super::certificate(folder.path(), "one");
        let local = |port| format!("127.0.0.1:{port}");
        let mut config = json!({"pebble": {
            "listenAddress": local(port),
            "managementListenAddress": local(management),
            "certificate": folder.path().join("tls.pem"),
            "privateKey": folder.path().join("tls.key"),
            "httpPort": 1,
            "tlsPort": verified_at,
            "domainBlocklist": [REFUSED],
            "retryAfter": {"authz": 1, "order": 1},
            "profiles": {"default": {"description": "90 days", "validityPeriod": 7_776_000}},
        }});
        let Value::Object(more) = more else {
            panic!("settings are an object");
        };
        config["pebble"].as_object_mut().unwrap().extend(more);
        std::fs::write(folder.path().join("pebble.json"), config.to_string()).unwrap();
        let mut command = Command::new(program("pebble-challtestsrv"));
        for unused in ["-http01", "-https01", "-tlsalpn01", "-doh", "-defaultIPv6"] {
            command.args([unused, ""]);
        }
        command.args(["-dns01", &local(names), "-management", &local(control)]);
        Self {
            folder,
            port,
            management,
            names,
            _name_server: Process::start(&mut command),
        }
    }

    /// Runs it: one with an empty memory, and a root of its own.
    async fn run(&self) -> Process {
        let mut command = Command::new(program("pebble"));
        command
            .arg("-config")
            .arg(self.folder.path().join("pebble.json"))
            .args(["-dnsserver", &format!("127.0.0.1:{}", self.names)])
            .envs([
                ("PEBBLE_VA_NOSLEEP", "1"),
                ("PEBBLE_WFE_NONCEREJECT", "0"),
                ("PEBBLE_AUTHZREUSE", "0"),
            ]);
        let process = Process::start(&mut command);
        for port in [self.port, self.management] {
            until("the authority listens", async || {
                TcpStream::connect(("127.0.0.1", port)).await.is_ok()
            })
            .await;
        }
        process
    }

    /// The root of the one that runs.
    async fn root(&self) -> CertificateDer<'static> {
        let stream = TcpStream::connect(("127.0.0.1", self.management)).await;
        let stream = TlsConnector::from(Arc::new(trusting("one")))
            .connect(ServerName::try_from("localhost").unwrap(), stream.unwrap())
            .await
            .unwrap();
        let answer = asked(stream, "/roots/0").await;
        CertificateDer::from_pem_slice(answer.as_bytes()).unwrap()
    }

    /// Settings of a server at this address.
    fn settings(&self, config: &mut Config, address: SocketAddr) {
        config.listen = vec![Listen::Tcp(address)];
        config.acme.domains = NAMES.iter().map(|name| name.parse().unwrap()).collect();
        config.acme.accept_terms = true;
        config.acme.contacts = vec!["admin@example.test".to_owned()];
        config.acme.directory = format!("https://localhost:{}/dir", self.port)
            .parse()
            .unwrap();
        config.acme.root = Some(self.folder.path().join("tls.pem"));
    }
}

/// The lines of the log of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Begins to collect; ends with the guard.
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts a server on a directory, with a clock that the test moves.
async fn start(directory: TempDir, change: impl FnOnce(&mut Config)) -> (Running, ClockHand) {
    let mut config = crate::support::config(&directory);
    let (clock, hand) = Clock::with_hand();
    config.clock = clock;
    change(&mut config);
    let running = Running {
        server: Server::start(config, mortise_backends::of_server)
            .await
            .unwrap(),
        http: reqwest::Client::new(),
        directory,
    };
    (running, hand)
}

async fn here() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port().await))
}

/// The certificate that a server shows for a name, if it is one of this root for that
/// name; the server answers then.
async fn shown(address: SocketAddr, root: &CertificateDer<'_>, name: &str) -> Option<Vec<u8>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone().into_owned()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(name.to_owned()).unwrap(), stream)
        .await
        .ok()?;
    let leaf = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let answer = asked(stream, "/health").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Some(leaf)
}

async fn metrics(running: &Running) -> String {
    let answer = running.request(Method::GET, "/metrics", &ADMIN);
    answer.send().await.unwrap().text().await.unwrap()
}

async fn certified(running: &Running) -> Value {
    // Ready with and without one.
    ok(running.get("/ready", &As::Nobody).await)["certificate"].clone()
}

#[cfg(unix)]
fn modes(folder: &Path) -> Vec<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let all = std::iter::once(folder.to_owned()).chain(files);
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    all.map(mode).collect()
}

#[tokio::test]
async fn a_certificate_is_got_kept_and_renewed() {
    let address = here().await;
    let authority = Authority::new(address.port()).await;
    let process = authority.run().await;
    let root = authority.root().await;
    let set = |config: &mut Config| authority.settings(config, address);
    let (running, _hand) = start(tempfile::tempdir().unwrap(), set).await;
    assert!(running.server.is_secure());
    let first = found("the first certificate", async || {
        shown(address, &root, NAMES[0]).await
    })
    .await;
    assert_eq!(shown(address, &root, NAMES[1]).await, Some(first.clone()));
    assert_eq!(certified(&running).await, true);
    let text = metrics(&running).await;
    assert!(
        text.contains("mortise_acme_attempts_total{outcome=\"succeeded\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("mortise_certificate_expires_timestamp_seconds 1"),
        "{text}"
    );
    let folder = running.directory.path().join("acme");
    assert_eq!(modes(&folder), [0o700, 0o600, 0o600]);
    running.server.shutdown().await;

    // A new start needs no authority.
    drop(process);
    let (running, hand) = start(running.directory, set).await;
    assert_eq!(shown(address, &root, NAMES[0]).await, Some(first.clone()));
    assert_eq!(certified(&running).await, true);

    // The authority that is there at the renewal has another root, and forgot the
    // account.
    let _process = authority.run().await;
    let new_root = authority.root().await;
    hand.advance(RENEWAL);
    let second = found("the second certificate", async || {
        shown(address, &new_root, NAMES[0]).await
    })
    .await;
    assert_ne!(first, second);
    running.server.shutdown().await;

    // Other names are not served with a certificate that is not for them.
    let (running, _hand) = start(running.directory, |config| {
        set(config);
        config.acme.domains = vec!["other.example.test".parse().unwrap()];
    })
    .await;
    found("the certificate for the other name", async || {
        shown(address, &new_root, "other.example.test").await
    })
    .await;
    assert_eq!(shown(address, &new_root, NAMES[0]).await, None);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_server_whose_authority_is_down_serves_and_tries_again() {
    let (log, _guard) = Log::begin();
    let address = here().await;
    let authority = Authority::new(address.port()).await;
    let set = |config: &mut Config| authority.settings(config, address);
    let (running, hand) = start(tempfile::tempdir().unwrap(), set).await;
    until("the failure is reported", async || {
        log.text().contains("got no certificate")
    })
    .await;
    let text = log.text();
    let directory = format!("https://localhost:{}/dir cannot be used", authority.port);
    for part in [
        NAMES[0],
        NAMES[1],
        &directory,
        "no valid certificate",
        "again=",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(certified(&running).await, false);
    let text = metrics(&running).await;
    assert!(
        text.contains("mortise_acme_attempts_total{outcome=\"failed\"} 1"),
        "{text}"
    );
    assert!(!text.contains("mortise_certificate_expires"), "{text}");

    let _process = authority.run().await;
    let root = authority.root().await;
    assert_eq!(shown(address, &root, NAMES[0]).await, None);
    hand.advance(Duration::from_secs(15));
    found("the certificate", async || {
        shown(address, &root, NAMES[0]).await
    })
    .await;
    assert_eq!(certified(&running).await, true);
    running.server.shutdown().await;
}

/// The report of a failure, with these settings.
async fn failure(log: &Log, authority: &Authority, change: impl FnOnce(&mut Config)) -> String {
    let before = log.text().len();
    let address = here().await;
    let (running, _hand) = start(tempfile::tempdir().unwrap(), |config| {
        authority.settings(config, address);
        change(config);
    })
    .await;
    let report = found("the failure is reported", async || {
        let text = log.text()[before..].to_owned();
        let line = text
            .lines()
            .find(|line| line.contains("got no certificate"))?;
        Some(line.to_owned())
    })
    .await;
    running.server.shutdown().await;
    report
}

#[tokio::test]
async fn a_failure_names_the_name_the_authoritys_words_and_the_fix() {
    let (log, _guard) = Log::begin();
    // No server is at the port at which this authority verifies names.
    let authority = Authority::new(free_port().await).await;
    let _process = authority.run().await;
    let says = |report: String, parts: &[&str]| {
        for part in parts {
            assert!(report.contains(part), "{part}: {report}");
        }
    };

    let report = failure(&log, &authority, |config| {
        config.acme.domains = vec![REFUSED.parse().unwrap()];
    })
    .await;
    says(
        report,
        &[REFUSED, "refused the order", "rejectedIdentifier"],
    );

    let report = failure(&log, &authority, |_| {}).await;
    says(
        report,
        &[
            "could not verify",
            "port 443 of",
            ".example.test",
            "Failed to connect",
        ],
    );

    let wrong = format!("https://localhost:{}/nothing", authority.port);
    let report = failure(&log, &authority, |config| {
        config.acme.directory = wrong.parse().unwrap();
    })
    .await;
    says(report, &[&wrong, "404", "check acme-directory"]);

    // A certificate of an unknown authority at the directory.
    let report = failure(&log, &authority, |config| config.acme.root = None).await;
    says(
        report,
        &["/dir cannot be used", "UnknownIssuer", "acme-root"],
    );

    // A page that is no directory.
    let page = format!("https://localhost:{}/roots/0", authority.management);
    let report = failure(&log, &authority, |config| {
        config.acme.directory = page.parse().unwrap();
    })
    .await;
    says(report, &[&page, "no directory"]);
}

#[tokio::test]
async fn an_authority_that_wants_an_external_account_gets_it() {
    let (log, _guard) = Log::begin();
    let address = here().await;
    let authority = Authority::for_customers(address.port()).await;
    let _process = authority.run().await;
    let root = authority.root().await;
    let customer = |config: &mut Config, [id, key]: [&str; 2]| {
        config.acme.eab_key_id = Some(id.to_owned());
        config.acme.eab_hmac_key = Some(key.to_owned());
    };

    let report = failure(&log, &authority, |_| {}).await;
    let set = "set acme-eab-key-id and acme-eab-hmac-key";
    assert!(report.contains(set), "{report}");
    for wrong in [[CUSTOMER[0], "d3Jvbmc"], ["kid-2", CUSTOMER[1]]] {
        let report = failure(&log, &authority, |config| customer(config, wrong)).await;
        let says = format!("refused the external account {}: ", wrong[0]);
        for part in [says.as_str(), "unauthorized", "check acme-eab-key-id"] {
            assert!(report.contains(part), "{part}: {report}");
        }
        assert!(!report.contains(wrong[1]), "{report}");
    }

    let (running, _hand) = start(tempfile::tempdir().unwrap(), |config| {
        authority.settings(config, address);
        customer(config, CUSTOMER);
    })
    .await;
    found("the certificate", async || {
        shown(address, &root, NAMES[0]).await
    })
    .await;
    running.server.shutdown().await;
}

#[tokio::test]
async fn settings_that_no_authority_serves_are_refused_at_the_start() {
    type Change = fn(&mut Config);
    let cases: [(Change, &str, &str); 6] = [
        (
            |config| config.acme.accept_terms = false,
            "acme-accept-terms",
            "terms of service",
        ),
        (
            |config| config.tls_cert = Some("c.pem".into()),
            "both set",
            "remove",
        ),
        (
            |config| config.listen = vec![Listen::Unix("m.sock".into())],
            "listens on unix:m.sock",
            "[::]:443",
        ),
        (
            |config| config.acme.eab_key_id = Some("kid-1".to_owned()),
            "acme-eab-hmac-key is not",
            "or remove both",
        ),
        (
            |config| config.acme.root = Some("none.pem".into()),
            "none.pem",
            "--acme-root",
        ),
        (
            |config| config.acme.cache = Some("/dev/null/acme".into()),
            "/dev/null/acme",
            "--acme-cache",
        ),
    ];
    for (change, says, help) in cases {
        let directory = tempfile::tempdir().unwrap();
        let mut config = crate::support::config(&directory);
        config.acme.domains = vec![NAMES[0].parse().unwrap()];
        config.acme.accept_terms = true;
        change(&mut config);
        let error = Server::start(config, mortise_backends::of_server)
            .await
            .unwrap_err();
        assert!(matches!(error, StartError::Tls(_)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.help().unwrap().contains(help), "{error}");
    }
}
