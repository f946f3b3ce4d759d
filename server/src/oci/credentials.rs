//! Credentials for registries, from the file that `docker login` writes:
//! `config.json` in `DOCKER_CONFIG`, or in `.docker` in the home directory. A
//! credential helper that the file names is run.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use http::HeaderValue;
use mortise_runtime::files;

use super::RegistryError;

/// The longest file, in bytes.
const FILE: u64 = 1 << 20;
/// The time for a credential helper.
const HELPER: Duration = Duration::from_secs(30);
/// The name of Docker Hub in the file.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Docker's file with credentials.
#[derive(Clone, Debug)]
pub(super) struct DockerFile(Option<PathBuf>);

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    name: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials")
    }
}

impl Credentials {
    /// Returns the value of the header `Authorization`.
    pub(super) fn basic(&self) -> Option<HeaderValue> {
        let Self { name, password } = self;
        let encoded = BASE64_STANDARD.encode(format!("{name}:{password}"));
        let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl DockerFile {
    /// The file of the user that this process runs as.
    pub(super) fn of_environment() -> Self {
        let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(std::env::home_dir()?.join(".docker")));
        Self(folder.map(|folder| folder.join("config.json")))
    }

    /// Returns the path for a person.
    pub(super) fn shown(&self) -> String {
        let path = self.0.as_deref().unwrap_or(Path::new("config.json"));
        path.display().to_string()
    }

    /// Returns a host's credentials; none if the file has none.
    ///
    /// # Errors
    ///
    /// [`RegistryError::DockerFile`].
    pub(super) async fn credentials(
        &self,
        host: &str,
    ) -> Result<Option<Credentials>, RegistryError> {
        let Some(path) = self.0.clone() else {
            return Ok(None);
        };
        let server = match host {
            "docker.io" => DOCKER_HUB.to_owned(),
            host => host.to_owned(),
        };
        let reading = tokio::task::spawn_blocking(move || read(&path, &server));
        let read = match tokio::time::timeout(HELPER, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("its credential helper took longer than {HELPER:?}")),
        };
        read.map_err(|why| RegistryError::DockerFile {
            host: host.into(),
            file: self.shown().into(),
            why: why.into(),
        })
    }
}

fn read(path: &Path, server: &str) -> Result<Option<Credentials>, String> {
    let text = match files::read_text(path, FILE) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // Texts of a helper are not repeated: they may hold a secret.
    match docker_credential::get_credential_from_reader(text.as_bytes(), server) {
        Ok(DockerCredential::UsernamePassword(name, password)) => {
            Ok(Some(Credentials { name, password }))
        }
        Ok(DockerCredential::IdentityToken(_)) => {
            Err("it has an identity token, and only names with passwords are supported".to_owned())
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { helper, stdout, .. }) => {
            // The answer of all helpers about a host that they do not know.
            if stdout.contains("credentials not found") {
                return Ok(None);
            }
            Err(format!("`{helper}` failed"))
        }
        Err(CredentialRetrievalError::HelperCommunicationError) => {
            Err("the credential helper that it names does not start".to_owned())
        }
        Err(CredentialRetrievalError::MalformedHelperResponse) => {
            Err("the answer of the credential helper that it names is not understood".to_owned())
        }
        Err(CredentialRetrievalError::CredentialDecodingError) => {
            Err("its field `auth` is not the Base64 of NAME:PASSWORD".to_owned())
        }
        Err(CredentialRetrievalError::CredentialMismatchError) => {
            Err("its field `auth` contradicts the name and password beside it".to_owned())
        }
        Err(_) => Err("it is not JSON as Docker writes it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, DockerFile, RegistryError};

    async fn read(text: &str) -> Result<Option<Credentials>, RegistryError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        DockerFile(Some(path)).credentials("r.example:5000").await
    }

    #[tokio::test]
    async fn a_host_has_its_own_credentials() {
        // ada:secret
        let text = r#"{"auths":{"r.example:5000":{"auth":"YWRhOnNlY3JldA=="}}}"#;
        let credentials = read(text).await.unwrap().unwrap();
        let basic = credentials.basic().unwrap();
        assert_eq!(basic, "Basic YWRhOnNlY3JldA==");
        assert!(basic.is_sensitive());
        assert!(!format!("{credentials:?}").contains("secret"));
        let other = r#"{"auths":{"other.example":{"auth":"YWRhOnNlY3JldA=="}}}"#;
        assert_eq!(read(other).await.unwrap(), None);
        assert_eq!(read("{}").await.unwrap(), None);
        let missing = DockerFile(Some("/no/such/config.json".into()));
        assert_eq!(missing.credentials("r.example").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_broken_file_is_named_with_its_fix() {
        for (text, why) in [
            ("{", "not JSON as Docker writes it"),
            (
                r#"{"auths":{"r.example:5000":{"auth":"%%"}}}"#,
                "not the Base64 of NAME:PASSWORD",
            ),
            (
                r#"{"auths":{"r.example:5000":{"identitytoken":"t0k"}}}"#,
                "identity token",
            ),
            (
                r#"{"credHelpers":{"r.example:5000":"no-such-helper"}}"#,
                "does not start",
            ),
        ] {
            let error = read(text).await.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(error.contains("config.json"), "{error}");
            assert!(error.contains("docker login r.example:5000"), "{error}");
            assert!(!error.contains("t0k"), "{error}");
        }
    }
}
