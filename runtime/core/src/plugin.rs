//! What every backend implements: a loaded [`Plugin`], and its [`Instance`]s.
//!
//! An instance is a lasting handle. The code behind it, a Wasm store or a
//! process, comes up at the first call and may be dropped after any: when it is
//! idle, after a trap or a crash, at a reload. The handle brings it up again at
//! the next call, applies the last accepted configuration and, if it was
//! started, starts it.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    Grants, Guard, Limits, Log,
    contract::{
        Capabilities, Capability,
        types::{
            Draft, Header, Manifest, Message, Problem, StopReason, User, Verdict, WebhookRequest,
            WebhookResponse,
        },
    },
    digest::Digest,
    guard::{Denials, Rights},
    host::Host,
    limits::Limit,
    process::{Attachment, Process},
    registry::{Described, Staged},
    report::LoadError,
};

/// How a plugin runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A WebAssembly component in this process.
    Wasm,
    /// An executable in a process of its own.
    Native,
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Wasm => "wasm",
            Self::Native => "native",
        })
    }
}

/// A loaded plugin: one file, described and checked. Cheap to hold.
#[async_trait]
pub trait Plugin: Send + Sync + fmt::Debug {
    /// Who it is and what it asks for.
    fn manifest(&self) -> &Manifest;

    /// How it runs.
    fn backend(&self) -> Backend;

    /// The digest of the file it was loaded from.
    fn digest(&self) -> Digest;

    /// What it can do, where the package itself tells. A native plugin's
    /// instances may differ: none.
    fn capabilities(&self) -> Option<Capabilities>;

    /// Makes an instance for one user. A component's code does not run before
    /// the first call; a native plugin's constructor runs here.
    ///
    /// # Errors
    ///
    /// [`CallError`], when the plugin cannot make an instance for this user.
    async fn instance(&self, setup: InstanceSetup) -> Result<Arc<dyn Instance>, CallError>;

    /// How the plugin's process is; none for one that has no process.
    fn process(&self) -> Option<Process> {
        None
    }

    /// Lets a process that somebody starts by hand, under a debugger or in a
    /// container, take the place of the plugin's own for as long as it is
    /// there, any number of times, until the plugin is dropped. What was
    /// returned before is no longer good.
    ///
    /// # Errors
    ///
    /// [`CallError::Unavailable`] for a plugin that has no process, or where
    /// the socket cannot be made.
    fn attach(&self) -> Result<Attachment, CallError> {
        Err(CallError::Unavailable(
            "only a native plugin has a process that another can take the place of".to_owned(),
        ))
    }
}

/// What an instance is made of.
#[derive(Clone)]
pub struct InstanceSetup {
    /// Whose it is.
    pub user: User,
    /// What its imports reach. One per instance: it knows whom it serves.
    pub host: Arc<dyn Host>,
    /// What it may do.
    pub grants: Grants,
    /// How much of it.
    pub limits: Limits,
    /// Where its output goes.
    pub log: Arc<Log>,
    /// Where what it is refused is counted.
    pub denials: Arc<Denials>,
    /// The configuration to apply when it comes up; none for its defaults.
    pub config: Option<String>,
    /// Where its webhook can be reached, `/plugin/<id>/custom/<token>/`; none
    /// if the embedder serves no webhooks. Gotify v1 plugins are told when they
    /// are set up, others with each request.
    pub base_path: Option<String>,
}

impl fmt::Debug for InstanceSetup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InstanceSetup")
            .field("user", &self.user)
            .field("grants", &self.grants)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// One user's plugin: the contract's exports as methods.
///
/// Calls on one instance run one after another; a caller that gives up by
/// dropping the future discards the code behind the instance, not the handle.
/// Every call ends by its deadline ([`Limits`]), waiting included.
#[async_trait]
pub trait Instance: Send + Sync + fmt::Debug {
    /// What this instance can do.
    fn capabilities(&self) -> Capabilities;

    /// What stands between it and its host: its grants, its log, what it was
    /// refused.
    fn guard(&self) -> &Arc<Guard>;

    /// Puts other rights in the place of those it has, for all that is asked
    /// from then on. What was opened by a right that is gone is closed: calls
    /// that hold it are ended ([`CallError::TakenBack`]). Where the code behind
    /// the instance was given something by the system that it is not to have
    /// any more, or is to have more, it is replaced before the next call.
    async fn regrant(&self, rights: Rights);

    /// Brings it up and calls `lifecycle.start`, if it is not started already.
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] with the plugin's words; it stays stopped.
    async fn start(&self) -> Result<(), CallError>;

    /// Calls `lifecycle.stop` if the instance is up and started, then drops
    /// the code behind it. After [`StopReason::Idle`] the next call brings it
    /// back started; after any other it is stopped until [`Instance::start`].
    ///
    /// # Errors
    ///
    /// What `lifecycle.stop` answered; it is stopped all the same.
    async fn stop(&self, reason: StopReason) -> Result<(), CallError>;

    /// The configuration a new user starts with.
    ///
    /// # Errors
    ///
    /// As any call.
    async fn default_config(&self) -> Result<String, CallError>;

    /// A JSON Schema of the configuration, if the plugin has one.
    ///
    /// # Errors
    ///
    /// As any call.
    async fn config_schema(&self) -> Result<Option<String>, CallError>;

    /// Takes a configuration into use and remembers it for the next time the
    /// instance comes up.
    ///
    /// # Errors
    ///
    /// [`CallError::Config`] with what is wrong; the one before stays in use.
    async fn apply_config(&self, config: &str) -> Result<(), CallError>;

    /// What the plugin's page shows, as Markdown.
    ///
    /// # Errors
    ///
    /// As any call.
    async fn display(&self, base_url: Option<&str>) -> Result<String, CallError>;

    /// Answers an HTTP request.
    ///
    /// # Errors
    ///
    /// As any call.
    async fn webhook(&self, request: WebhookRequest) -> Result<WebhookResponse, CallError>;

    /// As [`Instance::webhook`], for who passes the answer on as it is
    /// written: a backend whose plugins can write it in pieces gives those.
    ///
    /// # Errors
    ///
    /// As any call, up to the answer's head; the body has its own.
    async fn webhook_in_pieces(&self, request: WebhookRequest) -> Result<WebhookAnswer, CallError> {
        let WebhookResponse {
            status,
            headers,
            body,
        } = self.webhook(request).await?;
        Ok(WebhookAnswer {
            status,
            headers,
            body: WebhookBody::Whole(body),
        })
    }

    /// Decides about a message before it is stored, by `deadline` at most.
    ///
    /// # Errors
    ///
    /// As any call.
    async fn filter(&self, draft: &Draft, deadline: Duration) -> Result<Verdict, CallError>;

    /// Takes 1 to 64 stored messages, all or none.
    ///
    /// # Errors
    ///
    /// As any call; the messages must then be given again.
    async fn on_messages(&self, messages: &[Message]) -> Result<(), CallError>;

    /// A timer came due.
    ///
    /// # Errors
    ///
    /// As any call.
    async fn on_timer(&self, name: &str) -> Result<(), CallError>;
}

/// A webhook's answer, the body of which may still be on its way.
#[derive(Debug)]
pub struct WebhookAnswer {
    /// 200 to 599.
    pub status: u16,
    /// Well-formed, and the plugin's own.
    pub headers: Vec<Header>,
    /// What follows them.
    pub body: WebhookBody,
}

/// The body of a [`WebhookAnswer`].
pub enum WebhookBody {
    /// All of it.
    Whole(Vec<u8>),
    /// What the plugin writes while it is read.
    Pieces(Box<dyn Pieces>),
}

impl fmt::Debug for WebhookBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(body) => formatter.debug_tuple("Whole").field(&body.len()).finish(),
            Self::Pieces(_) => formatter.write_str("Pieces"),
        }
    }
}

/// A body that is written while it is read. Bounded: the plugin waits while
/// nobody takes what it wrote, and the call ends when nothing moves for as long
/// as a call may take. Dropping it before the end cancels the call.
#[async_trait]
pub trait Pieces: Send {
    /// The next bytes, at least one; none at the end. After an error the body
    /// is cut off.
    async fn next(&mut self) -> Option<Result<Bytes, CallError>>;
}

/// Why a call into a plugin failed. The plugin's name is not part of the
/// message: who reports it knows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The plugin has no such export.
    #[error("the plugin does not export `{0}`")]
    NotExported(Capability),
    /// The plugin lacks the grant for being called so.
    #[error(
        "denied: the plugin was not granted `{permission}`; the administrator can grant it with `mortise plugin grant`"
    )]
    Denied {
        /// The permission's name in the contract.
        permission: &'static str,
    },
    /// The plugin answered with an error of its own.
    #[error("the plugin answered: {0}")]
    Refused(String),
    /// The plugin refused the configuration.
    #[error("the configuration was refused: {}", problems(.0))]
    Config(Vec<Problem>),
    /// The caller's request has no form in which the plugin could be given it.
    /// No fault of the plugin's, which was not called.
    #[error("the request is malformed: {0}")]
    BadRequest(String),
    /// It was not started, or was stopped.
    #[error("the plugin is stopped; start it first")]
    Stopped,
    /// It did not answer in time. The code behind a component's instance was
    /// discarded; a native plugin was told that nobody waits any more.
    #[error("`{call}` did not answer within {deadline:?} and was given up")]
    DeadlineExceeded {
        /// The function of the contract.
        call: &'static str,
        /// How long it was given.
        deadline: Duration,
    },
    /// The instance was busy with other calls until the deadline.
    #[error("`{call}` waited {deadline:?} for earlier calls of the same instance to end")]
    Busy {
        /// The function of the contract.
        call: &'static str,
        /// How long it waited.
        deadline: Duration,
    },
    /// As many calls of the instance are open as may be.
    #[error(
        "`{call}` was refused: {most} calls of this instance are open, as many as its limit `concurrent-calls` allows"
    )]
    TooMany {
        /// The function of the contract.
        call: &'static str,
        /// How many may be open.
        most: u32,
    },
    /// What the code behind the instance had been given was taken back while it
    /// ran; it was discarded.
    #[error("`{call}` was ended: what the plugin had in use was taken back from it")]
    TakenBack {
        /// The function of the contract.
        call: &'static str,
    },
    /// A webhook call was ended so that the plugin's filter need not wait for
    /// it; the code behind the instance was discarded.
    #[error("`{call}` was ended: it kept the plugin's filter waiting")]
    Preempted {
        /// The function of the contract.
        call: &'static str,
    },
    /// The code trapped or crashed; it was discarded.
    #[error("`{call}` crashed: {cause}")]
    Crashed {
        /// The function of the contract.
        call: &'static str,
        /// What happened, in one line.
        cause: String,
        /// The guest's stack or last output, several lines; may be empty.
        details: String,
    },
    /// What it answered breaks a bound or a rule of the contract.
    #[error("`{call}` answered with {what}")]
    BadAnswer {
        /// The function of the contract.
        call: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// It crashed again and again and is given a pause.
    #[error("the plugin keeps failing and is paused for {retry_in:?}; last: {last}")]
    BackingOff {
        /// When the next call will try again.
        retry_in: Duration,
        /// Why it failed last.
        last: String,
    },
    /// The host could not bring it up, through no fault of the plugin.
    #[error("the plugin could not be brought up: {0}")]
    Unavailable(String),
}

impl CallError {
    /// The message, and below it the details where there are any.
    pub fn full(&self) -> String {
        match self {
            Self::Crashed { details, .. } if !details.is_empty() => format!("{self}\n{details}"),
            _ => self.to_string(),
        }
    }

    /// The limit that the call reached, if that is what it failed by and the
    /// backend does not count it itself.
    pub const fn limit(&self) -> Option<Limit> {
        match self {
            Self::DeadlineExceeded { .. } => Some(Limit::CallMs),
            Self::TooMany { .. } => Some(Limit::ConcurrentCalls),
            _ => None,
        }
    }
}

/// Problems as one line.
fn problems(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| match problem.path.as_str() {
            "" => problem.text.clone(),
            path => format!("{path}: {}", problem.text),
        })
        .collect::<Vec<_>>()
        .join("; ")
}

/// Loads plugins of one backend from files.
#[async_trait]
pub trait Loader: Send + Sync {
    /// Whether a file that begins with `head` (up to 16 bytes) is for this
    /// backend. Says nothing about whether it will load.
    fn recognizes(&self, file: &Path, head: &[u8]) -> bool;

    /// Loads a file: reads, decodes, compiles, links, describes and checks it.
    ///
    /// # Errors
    ///
    /// A report of the first step that failed.
    async fn load(&self, file: &Path) -> Result<Arc<dyn Plugin>, LoadError>;

    /// Loads a copy whose content and digest are at hand, and so need not be read
    /// or computed again.
    ///
    /// # Errors
    ///
    /// As [`Loader::load`].
    async fn load_staged(&self, staged: &Staged) -> Result<Arc<dyn Plugin>, LoadError> {
        self.load(&staged.file).await
    }

    /// Loads a file that was loaded before, when it was `described` so. A
    /// backend for which describing costs something may take that as said; the
    /// caller sees that the digest is the same.
    ///
    /// # Errors
    ///
    /// As [`Loader::load`].
    async fn load_again(
        &self,
        file: &Path,
        _described: &Described,
    ) -> Result<Arc<dyn Plugin>, LoadError> {
        self.load(file).await
    }
}
