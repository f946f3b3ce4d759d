//! The one place that checks grants and bounds, for every backend.
//!
//! A backend holds one [`Guard`] for each instance. It asks the guard before it
//! calls the plugin ([`Guard::open_call`]), and passes all of the plugin's
//! requests through it. The guard checks the grant, then the bounds, and only
//! then calls [`Host`]. It counts a denial, writes it to the instance's log
//! with the missing grant, and returns it to the plugin.
//!
//! Rights may change while the instance runs ([`Guard::change`]).
//!
//! - `in_force`: the current rights, and the things opened with them.
//! - `denials`: the denials.

mod addresses;
mod denials;
mod in_force;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use self::in_force::{Calls, Requests, Target};
pub use self::{
    denials::{Denial, Denials, Reached},
    in_force::{Allowed, InForce, OpenCall, Rights},
};
use crate::{
    CallError, Host, Log,
    contract::{
        Capability,
        types::{
            Error, Header, Level, Message, Outgoing, Permission, Schedule, Verdict, WebhookRequest,
            WebhookResponse,
        },
    },
    grants::{Grants, Scheme},
    limits::{self, Limit},
    log::Source,
    text::cut,
};

/// Stands between one instance and its [`Host`].
pub struct Guard {
    host: Arc<dyn Host>,
    /// Looked at in each call, and hardly ever changed.
    in_force: ArcSwap<InForce>,
    log: Arc<Log>,
    denials: Arc<Denials>,
    sending: Mutex<Bucket>,
    writing: Mutex<Bucket>,
    requests: Arc<Requests>,
    calls: Calls,
    memory: AtomicU64,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Guard")
            .field("in_force", &self.in_force())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard in front of `host`.
    pub fn new(host: Arc<dyn Host>, rights: Rights, log: Arc<Log>, denials: Arc<Denials>) -> Self {
        let sending = Mutex::new(Bucket::full(rights.limits.messages_per_minute));
        let writing = Mutex::new(Bucket::full(rights.limits.writes_per_minute));
        log.set_bound(rights.limits.log_bytes);
        denials.hold_to(&rights);
        Self {
            host,
            in_force: ArcSwap::from_pointee(InForce::new(rights)),
            log,
            denials,
            sending,
            writing,
            requests: Arc::default(),
            calls: Calls::default(),
            memory: AtomicU64::new(0),
        }
    }

    /// Returns the memory of the component behind it, in bytes; 0 for a process.
    pub fn memory_bytes(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// Notes that the component behind it has more memory.
    pub fn memory_grew(&self, bytes: u64) {
        self.memory.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that the component behind it has less memory.
    pub fn memory_shrank(&self, bytes: u64) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the current rights and limits.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Returns the longest time of a call.
    pub fn call_deadline(&self) -> Duration {
        self.in_force.load().limits.call_deadline()
    }

    /// Replaces the rights. All later requests must comply with the new ones.
    /// Closes everything that was opened with a lost right, or notifies its
    /// holder ([`InForce`]).
    pub fn change(&self, rights: Rights) {
        // Held to the end: one change follows another.
        let mut sending = self.sending.lock();
        sending.resize(rights.limits.messages_per_minute);
        self.writing.lock().resize(rights.limits.writes_per_minute);
        self.log.set_bound(rights.limits.log_bytes);
        self.denials.hold_to(&rights);
        let before = self.in_force.load_full();
        let (now, ended) = before.followed_by(rights);
        let now = Arc::new(now);
        self.in_force.store(Arc::clone(&now));
        if let Some(ended) = ended {
            ended.cancel();
        }
        drop(sending);
        let ended = self.requests.hold_to(&now.grants);
        if ended > 0 {
            let text = format!("{ended} requests to the outside were ended: the grant is gone");
            self.log.write(Level::Warn, Source::Host, &text);
        }
    }

    /// The instance's log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Returns all denials so far.
    pub fn denials(&self) -> Vec<Denial> {
        self.denials.list()
    }

    /// Counts and logs that a permission is missing, and returns the text for
    /// the plugin.
    fn deny(&self, missing: &Permission, what: &str) -> String {
        let text = format!(
            "{what} needs the permission `{}`, which this plugin was not granted; \
             the manifest has to ask for it and a person to grant it",
            missing.name()
        );
        if self.denials.add(missing.name(), what, Some(missing)) {
            self.log
                .write(Level::Warn, Source::Host, &format!("denied: {text}"));
        }
        text
    }

    /// Counts and logs that a component asked for a socket or a look-up of a
    /// name, which no grant gives it.
    pub fn deny_socket(&self, what: &str) {
        if self.denials.add(SOCKETS, what, None) {
            let text = format!(
                "denied: {what}: components have no sockets; use the HTTP client of Mortise's SDK, \
                 which needs the permission `http`"
            );
            self.log.write(Level::Warn, Source::Host, &text);
        }
    }

    /// Counts that a limit was reached.
    pub fn reach(&self, limit: Limit) {
        self.denials.reach(limit);
    }

    /// Counts that a limit was reached, logs it the first time, and returns the
    /// text for the plugin. `what` is what the plugin has too many of.
    pub fn exhaust(&self, limit: Limit, what: &str) -> String {
        let text = format!(
            "{what}: its limit `{}` is {}",
            limit.name(),
            limit.of(&self.in_force.load().limits)
        );
        if self.denials.reach(limit) {
            let text = format!("limit reached: {text}");
            self.log.write(Level::Warn, Source::Host, &text);
        }
        text
    }

    /// Counts a reached limit, if the answer reports one.
    fn bounded<T>(&self, limit: Limit, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Exhausted(_)) = &answer {
            self.reach(limit);
        }
        answer
    }

    /// Counts a rejection by the host.
    fn counted<T>(
        &self,
        permission: &Permission,
        what: &str,
        answer: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(Error::Denied(text)) = &answer
            && self.denials.add(permission.name(), what, None)
        {
            self.log
                .write(Level::Warn, Source::Host, &format!("denied: {text}"));
        }
        answer
    }

    fn require(&self, granted: bool, permission: &Permission, what: &str) -> Result<(), Error> {
        if granted {
            Ok(())
        } else {
            Err(Error::Denied(self.deny(permission, what)))
        }
    }

    // ---- calls into the plugin ----

    /// Opens a call of a function with this capability, if it has one: some
    /// functions belong to every plugin. The call counts until the returned
    /// value is dropped.
    ///
    /// # Errors
    ///
    /// [`CallError::Denied`], which is counted too; [`CallError::TooMany`].
    pub fn open_call(
        &self,
        call: &'static str,
        capability: Option<Capability>,
    ) -> Result<OpenCall<'_>, CallError> {
        let in_force = self.in_force.load();
        if let Some(capability) = capability {
            self.allow(capability, &in_force.grants)?;
        }
        let most = match (capability, in_force.limits.concurrent_calls) {
            // Strangers make these: the rest is left for the others.
            (Some(Capability::Webhook), most) => most - most / 4,
            (_, most) => most,
        };
        OpenCall::new(&self.calls, in_force, call, most)
    }

    /// Waits until no call into the plugin is open. Calls may be opened
    /// meanwhile and afterwards; it is for its caller to see that none is.
    pub async fn drained(&self) {
        self.calls.drained().await;
    }

    /// Checks that the plugin may be called for this now.
    ///
    /// # Errors
    ///
    /// [`CallError::Denied`], which is counted too.
    pub fn may_be_called(&self, capability: Capability) -> Result<(), CallError> {
        self.allow(capability, &self.in_force.load().grants)
    }

    fn allow(&self, capability: Capability, grants: &Grants) -> Result<(), CallError> {
        let (granted, permission) = match capability {
            Capability::Webhook => (grants.host.webhook, Permission::Webhook),
            Capability::Filter => (grants.user.filter_messages, Permission::FilterMessages),
            Capability::Listener => (
                grants.user.reads_others(),
                Permission::ReadMessages(Vec::new()),
            ),
            Capability::Timer => (grants.host.timers, Permission::Timers),
            Capability::Lifecycle | Capability::Configurer | Capability::Displayer => return Ok(()),
        };
        if granted {
            return Ok(());
        }
        self.deny(&permission, &format!("being called as a {capability}"));
        Err(CallError::Denied {
            permission: permission.name(),
        })
    }

    /// Removes cookies without a grant from a request.
    pub fn webhook_request(&self, mut request: WebhookRequest) -> WebhookRequest {
        let in_force = self.in_force();
        request.headers.retain_mut(|header| {
            if !header.name.eq_ignore_ascii_case("cookie") {
                return true;
            }
            let kept: Vec<&str> = header
                .value
                .split(';')
                .map(str::trim)
                .filter(|cookie| {
                    let name = cookie.split_once('=').map_or(*cookie, |(name, _)| name);
                    in_force.grants.host.cookies.contains(name)
                })
                .collect();
            header.value = kept.join("; ");
            !header.value.is_empty()
        });
        request
    }

    /// Checks a plugin's answer to a webhook request.
    ///
    /// # Errors
    ///
    /// [`CallError::BadAnswer`].
    pub fn webhook_response(&self, answer: WebhookResponse) -> Result<WebhookResponse, CallError> {
        let bad = |what| {
            Err(CallError::BadAnswer {
                call: "webhook.handle",
                what,
            })
        };
        self.webhook_head(answer.status, &answer.headers)?;
        if answer.body.len() > limits::WEBHOOK_RESPONSE_BYTES {
            return bad(over(
                "a body",
                answer.body.len(),
                limits::WEBHOOK_RESPONSE_BYTES,
            ));
        }
        Ok(answer)
    }

    /// Checks what comes before the body of an answer to a webhook request.
    ///
    /// # Errors
    ///
    /// [`CallError::BadAnswer`].
    pub fn webhook_head(&self, status: u16, headers: &[Header]) -> Result<(), CallError> {
        let bad = |what| {
            Err(CallError::BadAnswer {
                call: "webhook.handle",
                what,
            })
        };
        if !(200..=599).contains(&status) {
            return bad(format!("status {status}, which is not 200 to 599"));
        }
        for Header { name, value } in headers {
            if http::HeaderName::try_from(name.as_str()).is_err()
                || http::HeaderValue::try_from(value.as_str()).is_err()
            {
                return bad(format!(
                    "the malformed header `{}`",
                    cut(&name.escape_debug().to_string(), 80)
                ));
            }
        }
        Ok(())
    }

    /// Checks a filter's answer.
    ///
    /// # Errors
    ///
    /// [`CallError::BadAnswer`].
    pub fn verdict(&self, verdict: Verdict) -> Result<Verdict, CallError> {
        match verdict {
            Verdict::Replace(content) => match content.check(limits::MESSAGE_BYTES) {
                Ok(()) => Ok(Verdict::Replace(content)),
                Err(error) => Err(CallError::BadAnswer {
                    call: "filter.filter",
                    what: error.to_string(),
                }),
            },
            Verdict::Drop(reason) => {
                Ok(Verdict::Drop(cut(&reason, limits::REASON_BYTES).to_owned()))
            }
            Verdict::Keep => Ok(Verdict::Keep),
        }
    }

    // ---- the plugin's requests ----

    /// `messages.send`; `in_filter` while the plugin's own `filter` runs.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn send(&self, message: Outgoing, in_filter: bool) -> Result<u64, Error> {
        let (permission, what) = (Permission::SendMessages, "sending a message");
        let in_force = self.in_force();
        self.require(in_force.grants.user.send_messages, &permission, what)?;
        message
            .content
            .check(limits::MESSAGE_BYTES)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        if let Some(name) = &message.application {
            within(
                "an application's name",
                name.len(),
                1,
                limits::APPLICATION_NAME_BYTES,
            )?;
        }
        if let Err(wait) = self.sending.lock().take(Instant::now()) {
            self.reach(Limit::MessagesPerMinute);
            return Err(Error::Exhausted(format!(
                "{} messages a minute are allowed; the next one in {} s",
                in_force.limits.messages_per_minute,
                wait.as_secs() + 1
            )));
        }
        let answer = self.host.send(message, !in_filter).await;
        self.counted(&permission, what, answer)
    }

    /// Counts a change of the server's database, which all plugins and users share.
    fn write(&self) -> Result<(), Error> {
        let taken = self.writing.lock().take(Instant::now());
        taken.map_err(|wait| {
            self.reach(Limit::WritesPerMinute);
            Error::Exhausted(format!(
                "{} changes of storage, timers and messages a minute are allowed \
                 (`writes-per-minute`); the next one in {} s",
                self.in_force().limits.writes_per_minute,
                wait.as_secs() + 1
            ))
        })
    }

    /// `messages.get`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn message(&self, id: u64) -> Result<Option<Message>, Error> {
        let readable = &self.in_force().grants.user.read_messages;
        let answer = self.host.message(id, readable).await;
        self.counted(&READ, "reading a message", answer)
    }

    /// `messages.sent`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        within("limit", limit as usize, 1, limits::PAGE as usize)?;
        let answer = self.host.sent(before, limit).await;
        self.counted(&READ, "reading its own messages", answer)
    }

    /// `messages.received`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn received(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        let grants = &self.in_force().grants.user;
        let what = "reading other applications' messages";
        self.require(grants.reads_others(), &READ, what)?;
        within("limit", limit as usize, 1, limits::PAGE as usize)?;
        let answer = self
            .host
            .received(before, limit, &grants.read_messages)
            .await;
        self.counted(&READ, what, answer)
    }

    /// `messages.remove`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn remove_message(&self, id: u64) -> Result<(), Error> {
        self.write()?;
        let answer = self.host.remove_message(id).await;
        self.counted(&Permission::SendMessages, "deleting a message", answer)
    }

    /// `storage.get`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        within("a key", key.len(), 1, limits::KEY_BYTES)?;
        self.host.load(key).await
    }

    /// `storage.set`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn store(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        within("a key", key.len(), 1, limits::KEY_BYTES)?;
        let quota = self.in_force().limits.storage_bytes;
        if (key.len() + value.len()) as u64 > quota {
            self.reach(Limit::StorageBytes);
            return Err(Error::Exhausted(format!(
                "storage is limited to {quota} bytes"
            )));
        }
        self.write()?;
        let answer = self.host.store(key, value, quota).await;
        self.bounded(Limit::StorageBytes, answer)
    }

    /// `storage.remove`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn unset(&self, key: &str) -> Result<(), Error> {
        within("a key", key.len(), 1, limits::KEY_BYTES)?;
        self.write()?;
        self.host.unset(key).await
    }

    /// `storage.keys`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        within("a prefix", prefix.len(), 0, limits::KEY_BYTES)?;
        self.host.keys(prefix).await
    }

    /// `timers.set`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn set_timer(&self, name: &str, when: Schedule) -> Result<(), Error> {
        let in_force = self.in_force();
        self.require(
            in_force.grants.host.timers,
            &Permission::Timers,
            "setting a timer",
        )?;
        within(
            "a timer's name",
            name.chars().count(),
            1,
            limits::TIMER_NAME_CHARS,
        )?;
        match &when {
            Schedule::EveryMs(period) if *period < limits::TIMER_PERIOD_MS => {
                return Err(Error::Invalid(format!(
                    "a period of {period} ms is shorter than {} ms",
                    limits::TIMER_PERIOD_MS
                )));
            }
            Schedule::Cron(expression) => within("a cron expression", expression.len(), 1, 256)?,
            Schedule::EveryMs(_) | Schedule::OnceAtMs(_) => {}
        }
        self.write()?;
        let most = in_force.limits.timers;
        let answer = self.host.set_timer(name, when, most).await;
        self.bounded(Limit::Timers, answer)
    }

    /// `timers.cancel`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn cancel_timer(&self, name: &str) -> Result<(), Error> {
        within(
            "a timer's name",
            name.chars().count(),
            1,
            limits::TIMER_NAME_CHARS,
        )?;
        self.write()?;
        self.host.cancel_timer(name).await
    }

    /// The environment variables that were granted and are there.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let in_force = self.in_force();
        let granted = in_force.grants.host.environment.iter();
        granted
            .filter_map(|name| Some((name.clone(), self.host.environment(name)?)))
            .collect()
    }

    /// Returns true if the grants allow a request to a host. Counts nothing.
    pub fn may_request(&self, scheme: Scheme, host: &str, port: Option<u16>) -> bool {
        let in_force = self.in_force.load();
        in_force.grants.host.allows_http(scheme, host, port)
    }

    /// Lets the plugin call out to a host. The request is under way for as long
    /// as the answer is there, and has to end when it is taken back.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] for a host that is not granted, [`Error::Exhausted`]
    /// when as many requests are under way as the limits allow.
    pub fn outbound_http(
        &self,
        scheme: Scheme,
        host: &str,
        port: Option<u16>,
    ) -> Result<Allowed, Error> {
        // Registered before the check, so that a simultaneous change of the
        // grants finds it.
        let target = Target {
            scheme,
            host: host.to_owned(),
            port,
        };
        let (allowed, open) = Allowed::new(&self.requests, target);
        let in_force = self.in_force();
        if !in_force.grants.host.allows_http(scheme, host, port) {
            let target = match port {
                Some(port) => format!("{scheme}://{host}:{port}"),
                None => format!("{scheme}://{host}"),
            };
            let what = format!("a request to {target}");
            return Err(Error::Denied(
                self.deny(&Permission::Http(vec![target]), &what),
            ));
        }
        if open > in_force.limits.open_requests as usize {
            let what = "too many requests to the outside at a time";
            return Err(Error::Exhausted(self.exhaust(Limit::OpenRequests, what)));
        }
        Ok(allowed)
    }
}

/// The name by which refused sockets are listed, in the place of a permission:
/// there is none for them.
pub const SOCKETS: &str = "sockets";

/// The permission for reading messages.
const READ: Permission = Permission::ReadMessages(Vec::new());

fn over(what: &str, size: usize, most: usize) -> String {
    format!("{what} of {size} bytes, more than {most}")
}

fn within(what: &str, size: usize, least: usize, most: usize) -> Result<(), Error> {
    if (least..=most).contains(&size) {
        Ok(())
    } else {
        Err(Error::Invalid(format!(
            "{what} of {size} is not within {least} to {most}"
        )))
    }
}

/// A token bucket: bursts up to its size, refilled evenly over a minute.
struct Bucket {
    size: f64,
    tokens: f64,
    since: Instant,
}

impl Bucket {
    fn full(per_minute: u32) -> Self {
        let size = f64::from(per_minute);
        Self {
            size,
            tokens: size,
            since: Instant::now(),
        }
    }

    /// Changes its size. Used tokens stay used.
    fn resize(&mut self, per_minute: u32) {
        let size = f64::from(per_minute);
        self.tokens = (self.tokens + size - self.size).clamp(0.0, size);
        self.size = size;
    }

    /// Takes a token, or says how long until there is one.
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let per_second = self.size / 60.0;
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.tokens = (self.tokens + passed * per_second).min(self.size);
        self.since = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else if per_second > 0.0 {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / per_second))
        } else {
            Err(Duration::from_secs(60))
        }
    }
}

#[cfg(test)]
mod tests;
