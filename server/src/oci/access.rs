//! The means to reach registries.

use std::path::Path;

use super::{authorities::Authorities, credentials::DockerFile};

/// Credentials for registries, and the certificate authorities that are trusted.
#[derive(Clone, Debug)]
pub struct Access {
    pub(super) docker: DockerFile,
    pub(super) authorities: Authorities,
}

impl Access {
    /// Returns the credentials of the user that this process runs as. The authorities are
    /// those that browsers trust, those of the machine, those in Docker's folder for the
    /// registry, and those in this file, in PEM, which is read for each registry.
    pub fn of_environment(authorities: Option<&Path>) -> Self {
        Self {
            docker: DockerFile::of_environment(),
            authorities: Authorities::new(authorities),
        }
    }
}
