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

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The name and the password that a registry with [`Registry::closed`] wants.
pub const LOGIN: (&str, &str) = ("ada", "secret");
/// The password as htpasswd writes it.
const HASH: &str = "$2b$04$s5KV1yTiyuBti7mBm74e6.4J7FXL2u6Ss200y5Vqw/c0BuSt05URm";
/// The file with the certificate of a registry's authority, in its folder.
const AUTHORITY: &str = "authority.pem";

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    folder: TempDir,
    host: String,
    scheme: &'static str,
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
        Self::start("oci", |_, _| {})
    }

    /// A registry that wants [`LOGIN`].
    pub fn closed() -> Self {
        Self::start("oci", |folder, settings| {
            let file = folder.join("htpasswd");
            std::fs::write(&file, format!("{}:{HASH}\n", LOGIN.0)).unwrap();
            let auth = json!({ "htpasswd": { "realm": "tests", "path": file } });
            set(settings, "", "auth", auth);
        })
    }

    /// A registry with TLS. Its certificate is for this name, and signed by an authority
    /// of its own.
    pub fn secure(name: &str) -> Self {
        Self::start("oci+https", |folder, settings| {
            let authority = Authority::new();
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let issuer = Issuer::from_params(&authority.params, &authority.key);
            let certificate = params.signed_by(&key, &issuer).unwrap().pem();
            std::fs::write(folder.join(AUTHORITY), &authority.pem).unwrap();
            serve_tls(folder, settings, &certificate, &key);
        })
    }

    /// A registry with TLS that shows the certificate of its authority as its own.
    pub fn with_authoritys_certificate() -> Self {
        Self::start("oci+https", |folder, settings| {
            let authority = Authority::new();
            std::fs::write(folder.join(AUTHORITY), &authority.pem).unwrap();
            serve_tls(folder, settings, &authority.pem, &authority.key);
        })
    }

    fn start(scheme: &'static str, change: impl FnOnce(&Path, &mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // YAML has JSON in it.
        let mut settings = json!({
            "version": "0.1",
            "log": { "level": "info", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": folder.path().join("data") } },
            "http": { "addr": "127.0.0.1:0", "secret": "of these tests" },
        });
        change(folder.path(), &mut settings);
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
                // With TLS, `, tls` follows.
                Some(rest.split(['"', ',']).next()?.trim().to_owned())
            })
            .expect("the registry tells its address");
        // Read on, so that it can never block on its output.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            folder,
            host,
            scheme,
        }
    }

    /// Its host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address of a version in it.
    pub fn reference(&self, name: &str) -> String {
        format!("{}://{}/{name}", self.scheme, self.host)
    }

    /// The file with the certificate of its authority, if it has TLS.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join(AUTHORITY)
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

/// A private certificate authority.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

impl Authority {
    /// An authority whose certificate is for loopback too.
    fn new() -> Self {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "An authority of these tests");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { params, key, pem }
    }
}

/// Sets a field of the object at this place.
fn set(settings: &mut Value, place: &str, name: &str, value: Value) {
    let object = settings.pointer_mut(place).and_then(Value::as_object_mut);
    object.unwrap().insert(name.to_owned(), value);
}

/// Has a registry serve TLS with this certificate.
fn serve_tls(folder: &Path, settings: &mut Value, certificate: &str, key: &KeyPair) {
    let [certificate_file, key_file] = ["tls.pem", "tls.key"].map(|name| folder.join(name));
    std::fs::write(&certificate_file, certificate).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let tls = json!({ "certificate": certificate_file, "key": key_file });
    set(settings, "/http", "tls", tls);
}
