//! A real registry on loopback: Debian's package `docker-registry`. It stores in a
//! folder of its own and ends with the handle.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "only tests use this"
)]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::json;
use tempfile::TempDir;

/// The name and the password that a registry with [`Registry::closed`] wants.
pub const LOGIN: (&str, &str) = ("ada", "secret");
/// The password as htpasswd writes it.
const HASH: &str = "$2b$04$s5KV1yTiyuBti7mBm74e6.4J7FXL2u6Ss200y5Vqw/c0BuSt05URm";

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    folder: TempDir,
    host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// A registry that everybody may read and write.
    pub fn open() -> Self {
        Self::start(|_| serde_json::Value::Null)
    }

    /// A registry that wants [`LOGIN`].
    pub fn closed() -> Self {
        Self::start(|folder| {
            let file = folder.join("htpasswd");
            std::fs::write(&file, format!("{}:{HASH}\n", LOGIN.0)).unwrap();
            json!({ "htpasswd": { "realm": "tests", "path": file } })
        })
    }

    fn start(auth: impl FnOnce(&Path) -> serde_json::Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // YAML has JSON in it.
        let mut settings = json!({
            "version": "0.1",
            "log": { "level": "info", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": folder.path().join("data") } },
            "http": { "addr": "127.0.0.1:0", "secret": "of these tests" },
        });
        let auth = auth(folder.path());
        if !auth.is_null()
            && let Some(fields) = settings.as_object_mut()
        {
            fields.insert("auth".to_owned(), auth);
        }
        let file = folder.path().join("config.yml");
        std::fs::write(&file, settings.to_string()).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Debian's package docker-registry is there; cargo xtask test installs it");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let host = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("listening on ")?;
                Some(rest.split('"').next()?.trim().to_owned())
            })
            .expect("the registry tells its address");
        // Read on, so that it can never block on its output.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            folder,
            host,
        }
    }

    /// Its host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address of a version in it.
    pub fn reference(&self, name: &str) -> String {
        format!("oci://{}/{name}", self.host)
    }

    /// A folder for `DOCKER_CONFIG` with this login for the registry.
    pub fn docker_config(&self, (name, password): (&str, &str)) -> PathBuf {
        use base64::{Engine as _, prelude::BASE64_STANDARD};

        let folder = self.folder.path().join("docker");
        std::fs::create_dir_all(&folder).unwrap();
        let auth = BASE64_STANDARD.encode(format!("{name}:{password}"));
        let config = json!({ "auths": { self.host.clone(): { "auth": auth } } });
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        folder
    }
}
