//! The parts that all native plugins of a host share.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use crate::{folders::Folders, lasting::Lasting, settings::Settings};

/// The parts that all native plugins of a host share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// The program that becomes monitor and stage.
    pub(crate) launcher: PathBuf,
    /// The processes' folders.
    pub(crate) folders: Folders,
    /// The places where services attach.
    pub(crate) lasting: Arc<Lasting>,
    /// Whether a process had every protection.
    pub(crate) protects: AtomicBool,
    /// The control group of plugins, or the reason why there is none.
    #[cfg(target_os = "linux")]
    pub(crate) groups: Result<crate::groups::Groups, String>,
}
