//! A plugin's way from a file to a version that can run, as types. Each is made
//! from the one before, and no step is done twice:
//!
//! 1. `Staged`: a copy, read and hashed once. What is checked is what runs.
//! 2. [`Verified`]: its signature fits, or none is required.
//! 3. [`Loaded`]: it is compiled, or its process runs; it has described itself
//!    and its manifest is in order. The code stays in memory to serve.
//! 4. [`Admitted`](super::admission::Admitted): it asks for nothing that the
//!    administrator has to approve first.
//! 5. [`Entry::current`](super::installed::Entry): it is active, and `folder::activate`
//!    has moved users over.
//!
//! The watch, an install and a reload all enter here. A rollback begins with a stored
//! version, which loaded before: it is admitted, then loaded.

use std::{path::Path, sync::Arc};

use mortise_runtime::{
    LoadError, Plugin as _, Staged,
    registry::{self, OnDemand},
    types::Manifest,
};

use super::{Plugins, embedder::Signed};

/// A copy whose signature was checked.
pub(super) struct Verified<'a> {
    staged: &'a Staged,
    signed: Option<Signed>,
}

/// A version that loaded. Nothing calls it yet.
pub(super) struct Loaded {
    /// The version, in memory.
    pub(super) plugin: Arc<OnDemand>,
    /// Its signature; none if it has none.
    pub(super) signed: Option<Signed>,
}

impl Loaded {
    pub(super) fn manifest(&self) -> &Manifest {
        self.plugin.manifest()
    }
}

impl Plugins {
    /// Checks a copy with the signature that came with it. Reports name `file`,
    /// which the copy was taken from.
    ///
    /// # Errors
    ///
    /// A report of the step `signature`.
    pub(super) async fn verify<'a>(
        &self,
        file: &Path,
        staged: &'a Staged,
        signature: Option<String>,
    ) -> Result<Verified<'a>, LoadError> {
        let bytes = staged.bytes.clone();
        let signed = self.check_signed(file, bytes, signature).await?;
        Ok(Verified { staged, signed })
    }

    /// Loads a verified copy.
    ///
    /// # Errors
    ///
    /// A report of the first step that failed, which names `file`.
    pub(super) async fn load_verified(
        &self,
        file: &Path,
        verified: Verified<'_>,
    ) -> Result<Loaded, LoadError> {
        let Verified { staged, signed } = verified;
        let loaders = self.loaders();
        let plugin = registry::load_staged(staged, &loaders)
            .await
            .map_err(|report| LoadError {
                file: file.to_owned(),
                ..report
            })?;
        let plugin = Arc::new(OnDemand::loaded_from(plugin, staged.file.clone(), loaders));
        Ok(Loaded { plugin, signed })
    }

    /// Removes a copy that no version uses.
    pub(super) async fn discard_unused(&self, staged: &Staged) {
        if !self.installed.uses(&staged.digest) {
            self.versions.remove(&staged.digest).await;
        }
    }
}
