//! Settings of plugins.

pub use crate::plugins::Retry;

/// How much of the sandbox of native plugins is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum NativeSandbox {
    /// A plugin does not start where a protection is missing.
    Strict,
    /// A plugin starts with the protections that the machine has; the others are
    /// shown.
    BestEffort,
    /// A plugin may do what the server's user may.
    Off,
}

/// The handling of an installed plugin's file that was changed in the folder by
/// hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Changed {
    /// Load it as a new version.
    #[default]
    Load,
    /// Keep the installed version, and report the change.
    Reject,
}
