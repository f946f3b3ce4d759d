//! A finding, in words and as a condition that programs can tell apart.

use mortise_runtime::{LoadError, Step};
use serde::Serialize;

use super::remedy::Call;

/// A condition that a plugin is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The condition.
    pub condition: Condition,
    /// Its severity.
    pub severity: Severity,
    /// The instance's user; none if it concerns the plugin.
    pub user: Option<String>,
    /// The observation, as a sentence without a full stop.
    pub found: String,
    /// The fix, as a sentence without a full stop.
    pub fix: String,
    /// The command that mends it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The call of the API that does the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Step by step, where it is about loading.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub report: Option<LoadError>,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something does not work.
    Problem,
    /// It may be intended.
    Notice,
}

/// A condition of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// No plugin has this id.
    NotInstalled,
    /// A file in the plugins folder does not load.
    BrokenFile,
    /// A file has no signature, and the server requires one.
    SignatureMissing,
    /// A file's signature is not of this file, or is none.
    SignatureWrong,
    /// A file's signature was made with a key that is not trusted.
    SignatureUntrusted,
    /// The trust file cannot be used, so no signature can be checked.
    TrustBroken,
    /// The plugin's file was changed by no command, which the server does not
    /// allow.
    ChangeRejected,
    /// The plugin's file was removed.
    FileMissing,
    /// The plugin's file changed and was not looked at yet.
    FileChanged,
    /// A version asks for more than was granted.
    PendingApproval,
    /// The server's own copy does not load.
    CopyBroken,
    /// No user has enabled it, or the asking user has not.
    NotEnabled,
    /// A user's configuration was refused when it was to start.
    ConfigurationRejected,
    /// It did not start for a user.
    StartFailed,
    /// It is enabled, does not come up now, and is retried.
    Down,
    /// It asks its user for more than they consented to.
    ConsentMissing,
    /// It asks the administrator for something that was not granted.
    GrantMissing,
    /// It used a permission without a grant.
    Denied,
    /// Its process crashes again and again.
    CrashLoop,
    /// A call trapped, ran out of time, or failed otherwise.
    CallsFail,
    /// Messages that its listener failed on were passed over.
    DeadLetters,
    /// It is to be woken by timers, and is not.
    TimersOff,
    /// This machine cannot confine its process in every way.
    SandboxPartial,
    /// It reached one of its limits, or as good as.
    LimitReached,
    /// The grants file cannot be used.
    GrantsBroken,
}

impl Condition {
    /// Returns the condition for a file that does not load.
    pub(super) fn of(report: &LoadError) -> Self {
        match report.step {
            Step::ChangedByHand => Self::ChangeRejected,
            Step::SignatureMissing => Self::SignatureMissing,
            Step::SignatureWrong => Self::SignatureWrong,
            Step::SignatureUntrusted => Self::SignatureUntrusted,
            Step::TrustFile => Self::TrustBroken,
            _ => Self::BrokenFile,
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::FileChanged
            | Self::NotEnabled
            | Self::ConsentMissing
            | Self::GrantMissing
            | Self::Denied
            | Self::TimersOff
            | Self::SandboxPartial => Severity::Notice,
            _ => Severity::Problem,
        }
    }

    pub(super) fn finding(self, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            condition: self,
            severity: self.severity(),
            user: None,
            found: found.into(),
            fix: fix.into(),
            command: None,
            call: None,
            report: None,
        }
    }

    pub(super) fn report(self, report: &LoadError) -> Finding {
        let found = format!(
            "{} does not load: {} failed: expected {}, found {}",
            report.file.display(),
            report.step,
            report.expected,
            report.found
        );
        Finding {
            report: Some(report.clone()),
            ..self.finding(found, report.fix.clone())
        }
    }
}

impl Finding {
    /// Returns the same finding as a notice.
    pub(super) fn into_notice(self) -> Self {
        Self {
            severity: Severity::Notice,
            ..self
        }
    }

    pub(super) fn of(self, user: &str) -> Self {
        Self {
            user: Some(user.to_owned()),
            ..self
        }
    }
}
