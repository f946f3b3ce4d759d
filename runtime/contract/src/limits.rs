//! Limits of a plugin. They are settings, each with a default.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Linear memory, in bytes, of all the component's memories together.
    pub memory_bytes: u64,
    /// Memory that a native plugin's process may write to, in bytes, all its
    /// instances together: it has the most that one of them may have.
    pub process_memory_bytes: u64,
    /// Deadline of one call in milliseconds, CPU and I/O together.
    pub call_ms: u64,
    /// Calls at a time, those included that wait for their turn.
    pub concurrent_calls: u32,
    /// Keys and values in storage, in bytes.
    pub storage_bytes: u64,
    /// Messages it may send in any minute.
    pub messages_per_minute: u32,
    /// Changes of its storage, timers and messages that it may make in any minute.
    pub writes_per_minute: u32,
    /// Its log, in bytes; the oldest lines go first.
    pub log_bytes: u64,
    /// A webhook request's body, in bytes.
    pub webhook_body_bytes: u64,
    /// Timers at a time.
    pub timers: u32,
    /// Things that the host holds for a component at a time: streams, headers,
    /// requests, bodies, files, and everything else that it has a handle of.
    pub handles: u32,
    /// Files and directories that a component has open at a time.
    pub open_files: u32,
    /// HTTP requests that a component has under way to the outside at a time,
    /// those included whose answers it has not read to the end.
    pub open_requests: u32,
    /// Versions of the plugin that run at a time when one takes the other's place.
    /// With 1 the old one is stopped first, for a plugin that cannot run twice: it
    /// holds a lock or a port, or changes its data for good.
    pub versions_at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            process_memory_bytes: 1 << 30,
            call_ms: 10_000,
            concurrent_calls: 1024,
            storage_bytes: 16 << 20,
            messages_per_minute: 120,
            writes_per_minute: 6000,
            log_bytes: 256 << 10,
            webhook_body_bytes: 1 << 20,
            timers: 32,
            handles: 1024,
            open_files: 64,
            open_requests: 32,
            versions_at_once: 2,
        }
    }
}

impl Limits {
    /// [`Limits::call_ms`] as a duration.
    pub const fn call_deadline(&self) -> Duration {
        Duration::from_millis(self.call_ms)
    }
}

/// One of the [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::memory_bytes`].
    MemoryBytes,
    /// [`Limits::call_ms`].
    CallMs,
    /// [`Limits::concurrent_calls`].
    ConcurrentCalls,
    /// [`Limits::storage_bytes`].
    StorageBytes,
    /// [`Limits::messages_per_minute`].
    MessagesPerMinute,
    /// [`Limits::writes_per_minute`].
    WritesPerMinute,
    /// [`Limits::log_bytes`].
    LogBytes,
    /// [`Limits::webhook_body_bytes`].
    WebhookBodyBytes,
    /// [`Limits::timers`].
    Timers,
    /// [`Limits::handles`].
    Handles,
    /// [`Limits::open_files`].
    OpenFiles,
    /// [`Limits::open_requests`].
    OpenRequests,
}

impl Limit {
    /// As settings name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MemoryBytes => "memory-bytes",
            Self::CallMs => "call-ms",
            Self::ConcurrentCalls => "concurrent-calls",
            Self::StorageBytes => "storage-bytes",
            Self::MessagesPerMinute => "messages-per-minute",
            Self::WritesPerMinute => "writes-per-minute",
            Self::LogBytes => "log-bytes",
            Self::WebhookBodyBytes => "webhook-body-bytes",
            Self::Timers => "timers",
            Self::Handles => "handles",
            Self::OpenFiles => "open-files",
            Self::OpenRequests => "open-requests",
        }
    }

    /// Returns the value of this limit.
    pub fn of(self, limits: &Limits) -> u64 {
        match self {
            Self::MemoryBytes => limits.memory_bytes,
            Self::CallMs => limits.call_ms,
            Self::ConcurrentCalls => limits.concurrent_calls.into(),
            Self::StorageBytes => limits.storage_bytes,
            Self::MessagesPerMinute => limits.messages_per_minute.into(),
            Self::WritesPerMinute => limits.writes_per_minute.into(),
            Self::LogBytes => limits.log_bytes,
            Self::WebhookBodyBytes => limits.webhook_body_bytes,
            Self::Timers => limits.timers.into(),
            Self::Handles => limits.handles.into(),
            Self::OpenFiles => limits.open_files.into(),
            Self::OpenRequests => limits.open_requests.into(),
        }
    }
}

/// The longest message, in bytes: its title, body and extras together. A host may
/// take less.
pub const MESSAGE_BYTES: usize = 64 << 20;
/// The longest application name, in bytes.
pub const APPLICATION_NAME_BYTES: usize = 16 << 10;
/// The longest storage key, in bytes.
pub const KEY_BYTES: usize = 256;
/// The longest timer name, in characters.
pub const TIMER_NAME_CHARS: usize = 64;
/// The shortest period of a timer, in milliseconds.
pub const TIMER_PERIOD_MS: u64 = 1000;
/// The most jitter of a timer, in milliseconds: a day.
pub const TIMER_JITTER_MS: u64 = 86_400_000;
/// The delay beyond which a timer's time counts as missed, in milliseconds.
pub const TIMER_MISSED_MS: u64 = 60_000;
/// The longest name of a time zone, in bytes.
pub const ZONE_BYTES: usize = 64;
/// The most users in one call of `send-to`.
pub const RECIPIENTS: usize = 1000;
/// The longest image of an application, in bytes.
pub const IMAGE_BYTES: usize = 1 << 20;
/// The longest configuration, in bytes.
pub const CONFIG_BYTES: usize = 1 << 20;
/// The longest answer of `display`, in bytes.
pub const DISPLAY_BYTES: usize = 1 << 20;
/// The longest body of a webhook response, in bytes.
pub const WEBHOOK_RESPONSE_BYTES: usize = 16 << 20;
/// The most messages in one call of `on-messages`.
pub const BATCH: usize = 64;
/// The most messages in one listing.
pub const PAGE: u32 = 200;
/// The longest log entry, in bytes.
pub const LOG_ENTRY_BYTES: usize = 8 << 10;
/// The longest text of an error or a drop's reason that is kept, in bytes.
pub const REASON_BYTES: usize = 4 << 10;
