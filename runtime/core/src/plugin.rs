//! The traits of every backend: a loaded [`Plugin`], and its [`Instance`]s.
//!
//! An instance is a lasting handle. The backend creates the code behind it, a
//! Wasm store or a process, at the first call. The code may be dropped after
//! any call: when it is idle, after a trap or a crash, at a reload. The next
//! call recreates it, applies the last accepted configuration and, if it was
//! started, starts it.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    CallError, Grants, Guard, Limits, Log,
    contract::{
        Capabilities,
        types::{
            Draft, Header, Manifest, Message, StopReason, User, Verdict, WebhookRequest,
            WebhookResponse,
        },
    },
    digest::Digest,
    guard::{Denials, Rights},
    host::Host,
    process::{Attachment, Process},
    report::LoadError,
    staged::Staged,
};

/// The reason for which nothing can attach to a component.
const NO_PROCESS: &str = "only a native plugin has a process that another can take the place of";

/// The backend of a plugin.
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
    /// Returns its description and the permissions that it asks for.
    fn manifest(&self) -> &Manifest;

    /// Returns the module path of a plugin for Gotify's plugin API v1, as its author
    /// wrote it; none for any other plugin.
    fn module_path(&self) -> Option<&str> {
        None
    }

    /// Returns the version of the contract that it was built for; none for a plugin for
    /// Gotify's plugin API or a standard interface, and for one that does not tell.
    fn contract(&self) -> Option<&str> {
        None
    }

    /// Returns its backend.
    fn backend(&self) -> Backend;

    /// The digest of the file it was loaded from.
    fn digest(&self) -> Digest;

    /// Returns its capabilities, if the file shows them. A native plugin's
    /// instances may differ: none.
    fn capabilities(&self) -> Option<Capabilities>;

    /// Makes an instance for one user. A component's code does not run before
    /// the first call; a native plugin's constructor runs here.
    ///
    /// # Errors
    ///
    /// [`CallError`], when the plugin cannot make an instance for this user.
    async fn instance(&self, setup: InstanceSetup) -> Result<Arc<dyn Instance>, CallError>;

    /// Returns the status of the plugin's process; none if it has no process.
    fn process(&self) -> Option<Process> {
        None
    }

    /// Returns the memory of the plugin's process and of those that it started, in
    /// bytes; none if it has no process or the system does not tell. Reads files of
    /// the system.
    fn memory_bytes(&self) -> Option<u64> {
        None
    }

    /// Lets a process that a person starts, under a debugger or in a container,
    /// take the place of the plugin's own while it is connected. This works any
    /// number of times until the plugin is dropped. The result of an earlier
    /// call is no longer valid.
    ///
    /// # Errors
    ///
    /// [`CallError::Unavailable`] for a plugin without a process, or if the
    /// socket cannot be made.
    fn attach(&self) -> Result<Attachment, CallError> {
        Err(CallError::Unavailable(NO_PROCESS.to_owned()))
    }

    /// As [`Plugin::attach`], for a service: the result stays valid over restarts
    /// of the program and versions of the plugin, until [`Loader::detach`]. A
    /// second call returns the same.
    ///
    /// # Errors
    ///
    /// As [`Plugin::attach`], or a program without a folder for such sockets.
    fn attach_lasting(&self) -> Result<Attachment, CallError> {
        Err(CallError::Unavailable(NO_PROCESS.to_owned()))
    }
}

/// The known facts about a plugin that was loaded once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginDescription {
    /// Its description and the permissions that it asks for.
    pub manifest: Manifest,
    /// Its backend.
    pub backend: Backend,
    /// The digest of its file.
    pub digest: Digest,
    /// Its capabilities, if the file shows them or an instance has reported
    /// them.
    pub capabilities: Option<Capabilities>,
    /// As [`Plugin::module_path`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_path: Option<String>,
    /// As [`Plugin::contract`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
}

impl PluginDescription {
    /// Returns the facts to keep about a loaded plugin.
    pub fn of(plugin: &dyn Plugin) -> Self {
        Self {
            manifest: plugin.manifest().clone(),
            backend: plugin.backend(),
            digest: plugin.digest(),
            capabilities: plugin.capabilities(),
            module_path: plugin.module_path().map(str::to_owned),
            contract: plugin.contract().map(str::to_owned),
        }
    }
}

/// The parts of an instance.
#[derive(Clone)]
pub struct InstanceSetup {
    /// Its user.
    pub user: User,
    /// The target of its imports. Each instance has its own, which knows its
    /// user.
    pub host: Arc<dyn Host>,
    /// Its grants.
    pub grants: Grants,
    /// Its limits.
    pub limits: Limits,
    /// Its log.
    pub log: Arc<Log>,
    /// The counter of its denials.
    pub denials: Arc<Denials>,
    /// The configuration to apply when it comes up; none for its defaults.
    pub config: Option<String>,
    /// The path of its webhook, `/plugin/<id>/custom/<token>/`; none if the
    /// embedder serves no webhooks. Gotify v1 plugins receive it at their
    /// creation, others with each request.
    pub base_path: Option<String>,
    /// True for a trial: no process that a person starts takes its place.
    pub trial: bool,
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
    /// Returns this instance's capabilities.
    fn capabilities(&self) -> Capabilities;

    /// Returns the guard between it and its host, with its grants, log and
    /// denials.
    fn guard(&self) -> &Arc<Guard>;

    /// Replaces its rights for all later requests. Closes everything that was
    /// opened with a lost right, and ends calls that hold it
    /// ([`CallError::TakenBack`]). If directories or environment variables
    /// changed, the instance is recreated before the next call.
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

    /// Applies a configuration and keeps it for later starts of the instance.
    ///
    /// # Errors
    ///
    /// [`CallError::Config`] with the problems; the previous configuration
    /// stays in use.
    async fn apply_config(&self, config: &str) -> Result<(), CallError>;

    /// Returns the content of the plugin's page, as Markdown.
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
    /// The body.
    pub body: WebhookBody,
}

/// The body of a [`WebhookAnswer`].
pub enum WebhookBody {
    /// All of it.
    Whole(Vec<u8>),
    /// Parts that the plugin writes while the caller reads.
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

/// A body that the plugin writes while the caller reads. It is bounded: the
/// plugin waits while no part is read, and the call ends if nothing moves for
/// the time of a call. Dropping it before the end cancels the call.
#[async_trait]
pub trait Pieces: Send {
    /// The next bytes, at least one; none at the end. After an error the body
    /// is cut off.
    async fn next(&mut self) -> Option<Result<Bytes, CallError>>;
}

/// Loads plugins of one backend from files.
#[async_trait]
pub trait Loader: Send + Sync {
    /// Returns true if a file that begins with `head` (up to 16 bytes) is for
    /// this backend. The file may still fail to load.
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
        _described: &PluginDescription,
    ) -> Result<Arc<dyn Plugin>, LoadError> {
        self.load(file).await
    }

    /// Ends what [`Plugin::attach_lasting`] began for the plugin of this id; a
    /// process that is connected stays until it leaves. False if there was nothing
    /// to end.
    ///
    /// # Errors
    ///
    /// [`CallError::Unavailable`]: the secret cannot be removed.
    fn detach(&self, _id: &str) -> Result<bool, CallError> {
        Ok(false)
    }
}
