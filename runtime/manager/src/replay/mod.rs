//! Replay: the calls of a filter that a user's messages recorded, put to another
//! version of the plugin, or to the same one again; or one call about a message that a
//! person makes up.
//!
//! A replay has no effect. The version runs in an instance of its own, a native plugin
//! in a process of its own, without HTTP, directories and environment variables. Its
//! storage is a copy, and messages and HTTP requests that it sends are listed, not sent.
//!
//! - this module: the versions, the bounds, and the comparison.
//! - `recorded`: the calls, from messages and their traces.
//! - `host`: the functions that the instance can call.

mod host;
mod recorded;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    ffi::OsStr,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use mortise_runtime::{
    CallError, Capability, Digest, Grants, Host, Instance, Limits, LoadError, Log, Plugin, Staged,
    grants::{HostGrants, UserGrants},
    guard::{Denial, Denials},
    plugin::InstanceSetup,
    registry::{OnDemand, versions::Permissions},
    types::{Content, Draft, Manifest, StopReason, Verdict},
};
use parking_lot::Mutex;
use serde::Serialize;

use self::host::ReplayHost;
pub use self::{
    host::{Requested, Sent},
    recorded::{RecordedCall, RecordedVerdict},
};
use super::{
    CommandError, Plugins, Slot, Upload,
    embedder::{EmbedderError, TracedId, TracedMessage},
    installed::Waiting,
    signature::read_signature,
    trace::{Change, Space},
    upload::copy_name,
};

/// The most calls of one replay.
pub const CALLS: u32 = 10_000;
/// The time for one replay.
const TIME: Duration = Duration::from_secs(60);
/// The most differences that are listed.
const LISTED: usize = 200;
/// Messages that are read at once.
const PAGE: usize = 128;
/// Bytes of recorded calls that are returned together.
const CALL_BYTES: usize = 16 << 20;

/// The version that answers the calls.
#[derive(Debug)]
pub enum Candidate<'a> {
    /// The active one.
    Active,
    /// The one that waits for approval.
    Pending,
    /// One that is not installed.
    File(Box<Upload<'a>>),
}

/// The calls to replay: the newest ones.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// Calls about messages since this time, in milliseconds since the epoch.
    pub since_ms: i64,
    /// At most this many messages, and at most [`CALLS`].
    pub limit: u32,
}

/// The results of a replay.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// The manifest's id.
    pub id: String,
    /// The version that answered, by its manifest.
    pub version: String,
    /// Its digest.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
    /// The number of calls.
    pub calls: usize,
    /// Calls with the recorded result.
    pub same: usize,
    /// Calls with another result.
    pub different: usize,
    /// The first of these, oldest message first.
    pub differences: Vec<CallDifference>,
    /// Calls that could not be replayed, because the trace has a change only in part.
    pub incomplete: usize,
    /// Messages that were not looked at, because the replay took too long.
    pub left: usize,
    /// The duration of all calls, in microseconds.
    pub micros: u64,
    /// The effects that it would have had.
    #[serde(flatten)]
    pub effects: Effects,
}

/// The effects that a version would have had.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Effects {
    /// The number of messages that it would have sent.
    pub sends: usize,
    /// The first of these.
    pub sent: Vec<Sent>,
    /// The number of HTTP requests that it would have sent. A result after one may differ
    /// from that of a real call. Those of a native plugin do not reach the server, which
    /// cannot count them.
    pub requests: usize,
    /// The first of these.
    pub requested: Vec<Requested>,
    /// The number of changes of its storage, of which it has a copy.
    pub writes: usize,
    /// The calls of other functions of the contract with an effect, by name, such as
    /// `set-timer`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = HashMap<String, usize>))]
    pub others: BTreeMap<&'static str, usize>,
    /// The denied attempts other than HTTP requests. A result after one may differ from
    /// that of a real call.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub denied: Vec<Denial>,
}

/// The answer of a filter about one message.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// The version that answered, by its manifest.
    pub version: String,
    /// The answer.
    pub result: CallResult,
    /// The duration in microseconds.
    pub micros: u64,
    /// The effects that the call would have had.
    #[serde(flatten)]
    pub effects: Effects,
}

/// A call with another result than the recorded one.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CallDifference {
    /// The message.
    pub message: TracedId,
    /// The name of the message's application.
    pub application: String,
    /// The title that the filter was given.
    pub title: String,
    /// The recorded result.
    pub recorded: CallResult,
    /// The result of the replay.
    pub replayed: CallResult,
}

/// The result of a filter's call.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CallResult {
    /// The kind.
    pub action: CallAction,
    /// The reason of a drop, or the error; else empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The changed fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// The kind of a filter's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum CallAction {
    /// It left the message as it was.
    Keep,
    /// It changed the message.
    Replace,
    /// It dropped the message.
    Drop,
    /// It failed.
    Fail,
}

/// The reason for which nothing was replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Another replay of the user runs.
    #[error("another replay of yours runs; try again when it has ended")]
    Busy,
    /// The file is another plugin.
    #[error("the file is the plugin `{found}`, and the calls are those of `{expected}`")]
    OtherPlugin {
        /// The file's id.
        found: String,
        /// The plugin's id.
        expected: String,
    },
    /// The version does not filter messages.
    #[error("version {0} does not filter messages; a replay repeats the calls of filters")]
    NoFilter(String),
    /// It does not load, or no version waits for approval.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It does not start.
    #[error("version {version} does not start: {cause}")]
    Start {
        /// The version.
        version: String,
        /// The cause.
        cause: CallError,
    },
    /// The embedder failed.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
}

impl From<LoadError> for ReplayError {
    fn from(report: LoadError) -> Self {
        Self::Command(report.into())
    }
}

impl Plugins {
    /// Puts the recorded calls of a user's filter to a version of the plugin, in their
    /// order, and compares the results. The version starts with the user's configuration
    /// and a copy of the storage, both as they are now.
    ///
    /// # Errors
    ///
    /// [`ReplayError`].
    pub async fn replay(
        &self,
        slot: &Slot,
        candidate: Candidate<'_>,
        period: Period,
    ) -> Result<Replay, ReplayError> {
        let _alone = self.alone(slot)?;
        let apart = self.load_apart(slot, candidate).await?;
        let replayed = self.replay_with(slot, &*apart.plugin, period).await;
        if let Some(staged) = apart.staged {
            // It may have been installed meanwhile.
            let _turn = self.turns.take().await;
            drop(apart.plugin);
            self.discard_unused(&staged).await;
        }
        replayed
    }

    async fn replay_with(
        &self,
        slot: &Slot,
        plugin: &dyn Plugin,
        period: Period,
    ) -> Result<Replay, ReplayError> {
        let manifest = plugin.manifest();
        let expected = slot.plugin().manifest().id.clone();
        if manifest.id != expected {
            let found = manifest.id.clone();
            return Err(ReplayError::OtherPlugin { found, expected });
        }
        let trial = self.trial(slot, plugin, slot.state().config).await?;
        let mut replay = Replay::of(plugin);
        let done = self
            .put_all(slot, &*trial.instance, period, &mut replay)
            .await;
        replay.effects = trial.end().await;
        done?;
        Ok(replay)
    }

    /// Asks the active version of a user's filter about one message, with a configuration
    /// or with the user's.
    ///
    /// # Errors
    ///
    /// [`ReplayError`].
    pub async fn try_filter(
        &self,
        slot: &Slot,
        draft: &Draft,
        config: Option<String>,
    ) -> Result<Tried, ReplayError> {
        let _alone = self.alone(slot)?;
        let apart = self.load_apart(slot, Candidate::Active).await?;
        let config = config.or_else(|| slot.state().config);
        let trial = self.trial(slot, &*apart.plugin, config).await?;
        let began = Instant::now();
        let deadline = self.settings.filter_deadline;
        let answer = trial.instance.filter(draft, deadline).await;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let verdict = normal(verdict(answer), &draft.content);
        Ok(Tried {
            version: apart.plugin.manifest().version.clone(),
            result: CallResult::of(verdict, &draft.content),
            micros,
            effects: trial.end().await,
        })
    }

    /// One replay of a user runs at a time.
    fn alone(&self, slot: &Slot) -> Result<Alone<'_>, ReplayError> {
        let user = slot.user_id();
        if !self.replaying.lock().insert(user) {
            return Err(ReplayError::Busy);
        }
        Ok(Alone {
            users: &self.replaying,
            user,
        })
    }

    /// Starts an instance of a version that has no effect.
    async fn trial(
        &self,
        slot: &Slot,
        plugin: &dyn Plugin,
        config: Option<String>,
    ) -> Result<Trial, ReplayError> {
        let manifest = plugin.manifest();
        // The user asked for it, and nothing leaves the instance.
        let consent = Arc::new(AtomicBool::new(true));
        let host = ReplayHost::of(self.host_of(slot, manifest, consent)).await;
        let host = Arc::new(host.map_err(EmbedderError::new)?);
        let denials = Arc::new(Denials::default());
        let setup = InstanceSetup {
            config,
            ..self.confined(slot, manifest, Arc::clone(&host) as _, &denials)
        };
        let version = manifest.version.clone();
        let instance = match plugin.instance(setup).await {
            Ok(instance) => instance.start().await.map(|()| instance),
            Err(cause) => Err(cause),
        };
        let instance = instance.map_err(|cause| ReplayError::Start {
            version: version.clone(),
            cause,
        })?;
        if !instance.capabilities().contains(Capability::Filter) {
            return Err(ReplayError::NoFilter(version));
        }
        Ok(Trial {
            instance,
            host,
            denials,
        })
    }

    /// Returns the recorded calls of a user's filter, oldest first: the newest ones, as
    /// long as they have at most 16 MiB together.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn recorded_calls(
        &self,
        slot: &Slot,
        period: Period,
    ) -> Result<Vec<RecordedCall>, EmbedderError> {
        let ids = self.traced(slot, period).await?;
        let mut ids = ids.as_slice();
        let mut calls = VecDeque::new();
        let mut bytes = 0;
        while !ids.is_empty() {
            for message in self.next_messages(slot, &mut ids).await? {
                let Some(Ok(call)) = recorded::call(message, slot.id) else {
                    continue;
                };
                bytes += call.bytes();
                calls.push_back(call);
                while bytes > CALL_BYTES
                    && let Some(oldest) = calls.pop_front()
                {
                    bytes -= oldest.bytes();
                }
            }
        }
        Ok(calls.into())
    }

    /// Reads the next messages, at most [`PAGE`], and takes their numbers from `ids`.
    async fn next_messages(
        &self,
        slot: &Slot,
        ids: &mut &[TracedId],
    ) -> Result<Vec<TracedMessage>, EmbedderError> {
        let page = ids.get(..PAGE).unwrap_or(ids);
        let messages = self.users.traced_messages(slot.user_id(), page).await?;
        let last = messages.last().map(|message| message.id);
        let read = last.and_then(|last| page.iter().position(|id| *id == last));
        // All of them are gone, or it ended with this one.
        let read = read.map_or(page.len(), |at| at + 1);
        *ids = ids.get(read..).unwrap_or_default();
        Ok(messages)
    }

    async fn traced(&self, slot: &Slot, period: Period) -> Result<Vec<TracedId>, EmbedderError> {
        let limit = period.limit.min(CALLS);
        self.users
            .traced(slot.user_id(), period.since_ms, limit)
            .await
    }

    /// Loads a version beside the one that runs, so that a native plugin has a process of
    /// its own. A file is checked as one to install is.
    async fn load_apart(
        &self,
        slot: &Slot,
        candidate: Candidate<'_>,
    ) -> Result<Apart, ReplayError> {
        let active = slot.plugin();
        let (file, name, signature) = match candidate {
            Candidate::Active => {
                let file = active.file().to_owned();
                return Ok(Apart {
                    plugin: Arc::new(OnDemand::new(active.described(), file, self.loaders())),
                    staged: None,
                });
            }
            Candidate::Pending => {
                let id = &active.manifest().id;
                let entry = self.entry(id)?;
                if !matches!(entry.waiting, Some(Waiting::Pending { .. })) {
                    return Err(CommandError::NothingPending(id.clone()).into());
                }
                let name = entry.file.file_name().map(OsStr::to_owned);
                let signature = read_signature(&entry.file)?;
                (entry.file, name.unwrap_or_default(), signature)
            }
            Candidate::File(upload) => {
                let name = copy_name(upload.name).into();
                (upload.file.to_owned(), name, upload.signature)
            }
        };
        let _turn = self.turns.take().await;
        let permissions = Permissions::ByContent;
        let staged = self.versions.stage_as(&file, &name, permissions).await?;
        let loaded = async {
            let verified = self.verify(&file, &staged, signature).await?;
            self.load_verified(&file, verified).await
        };
        match loaded.await {
            Ok(loaded) => Ok(Apart {
                plugin: loaded.plugin,
                staged: Some(staged),
            }),
            Err(report) => {
                self.discard_unused(&staged).await;
                Err(report.into())
            }
        }
    }

    /// The parts of an instance without a way out: its user's messages stay in it.
    fn confined(
        &self,
        slot: &Slot,
        manifest: &Manifest,
        host: Arc<dyn Host>,
        denials: &Arc<Denials>,
    ) -> InstanceSetup {
        // Calls that came within a day are made within a moment.
        let limits = Limits {
            messages_per_minute: u32::MAX,
            writes_per_minute: u32::MAX,
            ..self.grants_in_force(&manifest.id).limits
        };
        InstanceSetup {
            user: slot.user.clone(),
            host,
            grants: Grants {
                host: HostGrants {
                    timers: true,
                    ..HostGrants::default()
                },
                user: UserGrants::as_asked(manifest),
            },
            log: Arc::new(Log::new(limits.log_bytes)),
            limits,
            denials: Arc::clone(denials),
            config: None,
            base_path: None,
            trial: true,
        }
    }

    async fn put_all(
        &self,
        slot: &Slot,
        instance: &dyn Instance,
        period: Period,
        replay: &mut Replay,
    ) -> Result<(), EmbedderError> {
        let ids = self.traced(slot, period).await?;
        let mut ids = ids.as_slice();
        let end = Instant::now() + TIME;
        while !ids.is_empty() {
            let messages = self.next_messages(slot, &mut ids).await?;
            let mut left = ids.len() + messages.len();
            for message in messages {
                match recorded::call(message, slot.id) {
                    None => {}
                    Some(Err(recorded::Incomplete)) => replay.incomplete += 1,
                    Some(Ok(call)) => {
                        let began = Instant::now();
                        if began >= end {
                            replay.left = left;
                            return Ok(());
                        }
                        let answer = instance
                            .filter(&call.draft, self.settings.filter_deadline)
                            .await;
                        let took = u64::try_from(began.elapsed().as_micros());
                        replay.micros = replay.micros.saturating_add(took.unwrap_or(u64::MAX));
                        replay.compare(call, answer);
                    }
                }
                left -= 1;
            }
        }
        Ok(())
    }
}

/// The only replay of a user, until it is dropped.
struct Alone<'a> {
    users: &'a Mutex<HashSet<i64>>,
    user: i64,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.users.lock().remove(&self.user);
    }
}

/// An instance that has no effect.
struct Trial {
    instance: Arc<dyn Instance>,
    host: Arc<ReplayHost>,
    denials: Arc<Denials>,
}

impl Trial {
    /// Ends it, and returns the effects that it would have had.
    async fn end(self) -> Effects {
        // Nothing depends on its answer.
        let _: Result<(), _> = self.instance.stop(StopReason::ShuttingDown).await;
        self.host.effects(self.denials.list())
    }
}

/// A version that is loaded beside the one that runs.
struct Apart {
    plugin: Arc<dyn Plugin>,
    /// Its copy, which goes with it; none for an installed version.
    staged: Option<Staged>,
}

impl Replay {
    fn of(plugin: &dyn Plugin) -> Self {
        let manifest = plugin.manifest();
        Self {
            id: manifest.id.clone(),
            version: manifest.version.clone(),
            digest: plugin.digest(),
            calls: 0,
            same: 0,
            different: 0,
            differences: Vec::new(),
            incomplete: 0,
            left: 0,
            micros: 0,
            effects: Effects::default(),
        }
    }

    fn compare(&mut self, call: RecordedCall, answer: Result<Verdict, CallError>) {
        self.calls += 1;
        let content = &call.draft.content;
        let recorded = normal(call.verdict, content);
        let replayed = normal(verdict(answer), content);
        let same = match (&recorded, &replayed) {
            // Its text may have a time or a number of its own.
            (RecordedVerdict::Fail(_), RecordedVerdict::Fail(_)) => true,
            (recorded, replayed) => recorded == replayed,
        };
        if same {
            self.same += 1;
            return;
        }
        self.different += 1;
        if self.differences.len() < LISTED {
            self.differences.push(CallDifference {
                recorded: CallResult::of(recorded, content),
                replayed: CallResult::of(replayed, content),
                message: call.message,
                application: call.draft.application.name,
                title: call.draft.content.title,
            });
        }
    }
}

/// An answer in the form of a recorded one.
fn verdict(answer: Result<Verdict, CallError>) -> RecordedVerdict {
    match answer {
        Ok(Verdict::Keep) => RecordedVerdict::Keep,
        Ok(Verdict::Replace(after)) => RecordedVerdict::Replace(after),
        Ok(Verdict::Drop(reason)) => RecordedVerdict::Drop(reason),
        Err(error) => RecordedVerdict::Fail(error.to_string()),
    }
}

/// An answer with the same content leaves the message as it was.
fn normal(verdict: RecordedVerdict, before: &Content) -> RecordedVerdict {
    match verdict {
        RecordedVerdict::Replace(after) if after == *before => RecordedVerdict::Keep,
        other => other,
    }
}

impl CallResult {
    fn of(verdict: RecordedVerdict, before: &Content) -> Self {
        let (action, detail, changes) = match verdict {
            RecordedVerdict::Keep => (CallAction::Keep, String::new(), Vec::new()),
            RecordedVerdict::Replace(after) => {
                let changes = Space::default().changes(before, &after);
                (CallAction::Replace, String::new(), changes)
            }
            RecordedVerdict::Drop(reason) => (CallAction::Drop, reason, Vec::new()),
            RecordedVerdict::Fail(error) => (CallAction::Fail, error, Vec::new()),
        };
        Self {
            action,
            detail,
            changes,
        }
    }
}
