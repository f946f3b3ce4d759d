//! The real `mortise` program on a data directory, for tests that drive it
//! from outside. It listens on loopback, on a port of its own choice, and ends
//! with the handle.
//!
//! What goes wrong while setting up panics: a test could do nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests use this"
)]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, OnceLock, mpsc},
    time::Duration,
};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::guests::cargo;

/// The administrator of every test's server.
pub const USER: &str = "admin";
/// Its password.
pub const PASSWORD: &str = "correct horse battery staple";

/// The time in which a server must be ready.
const READY: Duration = Duration::from_secs(120);

/// The program, built now if it is not up to date.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let output = cargo()
            .args(["build", "--locked", "--workspace", "--message-format=json"])
            // As the tests themselves.
            .args(["--profile", "test"])
            // See the second one's manifest: without it, nearly all crates would be compiled
            // a second time.
            .args(["--bin", "mortise", "--bin", "xtask-features"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "the server does not build");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message.pointer("/target/name") == Some(&"mortise".into()))
            .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
            .expect("cargo tells where the program is")
    })
}

/// Runs `mortise` with these arguments to its end.
pub fn run<I, S>(arguments: I) -> Output
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    Command::new(program())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// A folder that a server runs on.
#[derive(Debug)]
pub struct Data {
    folder: tempfile::TempDir,
}

impl Default for Data {
    fn default() -> Self {
        Self::new()
    }
}

impl Data {
    /// A new, empty one with a plugins folder.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("plugins")).unwrap();
        Self { folder }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a file into the plugins folder.
    pub fn plugin(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.path().join("plugins").join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// Puts a complete executable into the plugins folder, and replaces a file
    /// with its name.
    #[cfg(unix)]
    pub fn executable(&self, name: &str, bytes: &[u8]) {
        use std::os::unix::fs::PermissionsExt as _;

        // Beside its place first: the file of a running program cannot be
        // written.
        let new = self.path().join("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(new, self.path().join("plugins").join(name)).unwrap();
    }

    /// Grants a plugin in the plugins folder all it asks of the administrator.
    pub fn grant_as_asked(&self, id: &str) {
        let data = self.path().to_str().unwrap();
        let output = run(["plugin", "grant", id, "--as-asked", "--data-dir", data]);
        assert!(output.status.success(), "{output:?}");
    }

    /// Starts a server and waits until it is ready.
    pub async fn serve(&self) -> Server {
        self.serve_with(self.command()).await
    }

    /// Starts a server by [`Data::command`], changed as a test wants it.
    pub async fn serve_with(&self, mut command: Command) -> Server {
        let mut child = command.spawn().expect("the server starts");
        let log = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take().unwrap(), log.clone());
        let out = child.stdout.take().unwrap();
        let (sender, first) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(out).lines();
            if let Some(Ok(line)) = lines.next() {
                let _ = sender.send(line);
            }
            // Read on, so that it can never block on its output.
            lines.for_each(drop);
        });
        let mut server = Server {
            child,
            log,
            url: String::new(),
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(60))
                .build()
                .unwrap(),
        };
        let ready = tokio::task::spawn_blocking(move || first.recv_timeout(READY)).await;
        let Ok(Ok(line)) = ready else {
            panic!("the server is not ready; its log:\n{}", server.log());
        };
        let line: Value = serde_json::from_str(&line).expect("the first line is JSON");
        server.url = line["url"]
            .as_str()
            .expect("it tells its address")
            .to_owned();
        server
    }

    /// `mortise serve` on this folder, not started yet.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.path())
            .env("MORTISE_ADMIN_NAME", USER)
            .env("MORTISE_ADMIN_PASSWORD", PASSWORD)
            .env_remove("MORTISE_PLUGINS_DIR")
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn collect(mut from: impl std::io::Read + Send + 'static, to: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let text = String::from_utf8_lossy(buffer.get(..read).unwrap_or_default());
            to.lock().unwrap().push_str(&text);
        }
    });
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    url: String,
    client: reqwest::Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its base address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns its log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Asks it to end in good order, and waits until it has.
    pub async fn stop(mut self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(asked.success());
        let child = &mut self.child;
        let status = mortise_wait::found("the server's end", async || child.try_wait().unwrap());
        let status = status.await;
        assert!(status.success(), "{status}; its log:\n{}", self.log());
    }

    /// A request without credentials.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A request of the administrator.
    pub fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).basic_auth(USER, Some(PASSWORD))
    }

    /// Makes an application and returns its token.
    pub async fn application(&self, name: &str) -> String {
        self.create("/application", name).await
    }

    /// Makes a client and returns its token.
    pub async fn client(&self, name: &str) -> String {
        self.create("/client", name).await
    }

    async fn create(&self, path: &str, name: &str) -> String {
        let made = self
            .admin(Method::POST, path)
            .json(&json!({ "name": name }))
            .send()
            .await
            .unwrap();
        let made = body(made).await;
        made["token"].as_str().unwrap().to_owned()
    }

    /// Sends a message as an application; returns the server's response.
    pub async fn send(&self, token: &str, message: &Value) -> Response {
        self.request(Method::POST, "/message")
            .header("X-Gotify-Key", token)
            .json(message)
            .send()
            .await
            .unwrap()
    }

    /// The administrator's messages, newest first.
    pub async fn messages(&self) -> Vec<Value> {
        let answer = self.admin(Method::GET, "/message").send().await.unwrap();
        body(answer).await["messages"].as_array().unwrap().clone()
    }

    /// The administrator's plugin of this id, as the API shows it.
    pub async fn plugin(&self, id: &str) -> Option<Value> {
        let answer = self.admin(Method::GET, "/plugin").send().await.unwrap();
        let plugins = body(answer).await;
        plugins
            .as_array()
            .unwrap()
            .iter()
            .find(|plugin| plugin["pluginId"] == id)
            .cloned()
    }

    /// Configures a plugin, where there is a configuration, and enables it.
    pub async fn enable(&self, id: &str, config: Option<&str>) {
        let plugin = self.plugin(id).await;
        let plugin = plugin.unwrap_or_else(|| panic!("no plugin {id}:\n{}", self.log()));
        let path = format!("/plugin/{}", plugin["id"]);
        if let Some(config) = config {
            let answer = self
                .admin(Method::POST, &format!("{path}/config"))
                .header("Content-Type", "application/x-yaml")
                .body(config.to_owned())
                .send()
                .await
                .unwrap();
            body(answer).await;
        }
        let answer = self
            .admin(Method::POST, &format!("{path}/enable"))
            .send()
            .await
            .unwrap();
        body(answer).await;
    }

    /// Sees that the server still answers.
    pub async fn assert_healthy(&self) {
        let answer = self.request(Method::GET, "/health").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(body(answer).await["health"], "green");
    }
}

/// The body of a successful answer, as JSON; null if it is empty.
pub async fn body(answer: Response) -> Value {
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{url}: {status}: {text}");
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"))
}
