//! The guard's checks of the plugin's requests to the host.

use std::{collections::BTreeMap, time::Instant};

use super::{
    Guard,
    in_force::{Allowed, Target},
};
use crate::{
    contract::types::{Error, Message, Outgoing, Permission, Schedule},
    grants::Scheme,
    limits::{self, Limit},
};

/// The permission for reading messages.
const READ: Permission = Permission::ReadMessages(Vec::new());

impl Guard {
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

fn within(what: &str, size: usize, least: usize, most: usize) -> Result<(), Error> {
    if (least..=most).contains(&size) {
        Ok(())
    } else {
        Err(Error::Invalid(format!(
            "{what} of {size} is not within {least} to {most}"
        )))
    }
}
