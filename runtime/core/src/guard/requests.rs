//! The guard's checks of the plugin's requests to the host.

use std::{collections::BTreeMap, time::Instant};

use super::{
    Guard,
    in_force::{Allowed, Target},
};
use crate::{
    Origin,
    contract::{
        schedule::Timing,
        types::{Content, Delivery, Error, Message, Outgoing, Permission, Schedule},
    },
    grants::Scheme,
    limits::{self, Limit},
};

/// The name that stands for all users.
const ALL: &str = "*";
/// The permission for reading messages.
const READ: Permission = Permission::ReadMessages(Vec::new());

impl Guard {
    /// `messages.send`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn send(&self, message: Outgoing, origin: Origin) -> Result<u64, Error> {
        let what = "sending a message";
        self.may_send(what)?;
        check_outgoing(&message)?;
        self.take_message()?;
        let answer = self.host.send(message, origin).await;
        self.counted(&Permission::SendMessages, what, answer)
    }

    /// `messages.send-to`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn send_to(
        &self,
        users: &[String],
        message: Outgoing,
        origin: Origin,
    ) -> Result<Vec<Delivery>, Error> {
        let in_force = self.in_force();
        let host = &in_force.grants.host;
        let what = "sending a message to other users";
        let any = Permission::SendToUsers(Vec::new());
        self.require(!host.send_to_users.is_empty(), &any, what)?;
        within("the number of users", users.len(), 1, limits::RECIPIENTS)?;
        check_outgoing(&message)?;
        let mut recipients = Vec::with_capacity(users.len());
        for user in users {
            if user == ALL {
                let all = self.host.users().await?.into_iter();
                recipients.extend(all.filter(|user| host.allows_sending_to(user)));
                continue;
            }
            let one = Permission::SendToUsers(vec![user.clone()]);
            self.require(host.allows_sending_to(user), &one, what)?;
            recipients.push(user.clone());
        }
        within(
            "the number of users",
            recipients.len(),
            0,
            limits::RECIPIENTS,
        )?;
        let mut deliveries = Vec::with_capacity(recipients.len());
        for user in recipients {
            let outcome = match self.take_message() {
                Ok(()) => self.host.send_to(&user, message.clone(), origin).await,
                Err(error) => Err(error),
            };
            deliveries.push(Delivery { user, outcome });
        }
        Ok(deliveries)
    }

    /// `messages.update`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn update_message(
        &self,
        id: u64,
        content: Content,
        origin: Origin,
    ) -> Result<(), Error> {
        let what = "changing a message";
        self.may_send(what)?;
        check_content(&content)?;
        // It reaches connected clients, as a new one does.
        self.take_message()?;
        let answer = self.host.update_message(id, content, origin).await;
        self.counted(&Permission::SendMessages, what, answer)
    }

    /// `messages.expire`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn expire_message(&self, id: u64, at_ms: Option<u64>) -> Result<(), Error> {
        let what = "setting the end of a message";
        self.may_send(what)?;
        self.write()?;
        let answer = self.host.expire_message(id, at_ms).await;
        self.counted(&Permission::SendMessages, what, answer)
    }

    /// `messages.set-image`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn set_image(&self, application: Option<&str>, image: Vec<u8>) -> Result<(), Error> {
        let what = "setting an application's image";
        self.may_send(what)?;
        check_application(application)?;
        within("an image", image.len(), 0, limits::IMAGE_BYTES)?;
        self.write()?;
        let answer = self.host.set_image(application, image).await;
        self.counted(&Permission::SendMessages, what, answer)
    }

    fn may_send(&self, what: &str) -> Result<(), Error> {
        let granted = self.in_force().grants.user.send_messages;
        self.require(granted, &Permission::SendMessages, what)
    }

    /// Counts a message that the plugin sends.
    fn take_message(&self) -> Result<(), Error> {
        let taken = self.sending.lock().take(Instant::now());
        taken.map_err(|wait| {
            self.reach(Limit::MessagesPerMinute);
            Error::Exhausted(format!(
                "{} messages a minute are allowed; the next one in {} s",
                self.in_force().limits.messages_per_minute,
                wait.as_secs() + 1
            ))
        })
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

    /// `timers.set` and `timers.set-with`.
    ///
    /// # Errors
    ///
    /// As the contract says.
    pub async fn set_timer(&self, name: &str, timing: Timing) -> Result<(), Error> {
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
        check_timing(&timing)?;
        self.write()?;
        let most = in_force.limits.timers;
        let answer = self.host.set_timer(name, timing, most).await;
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

    /// Reports a request to the host that [`Guard::outbound_http`] denied.
    pub fn note_denied_request(&self, method: &http::Method, uri: &http::Uri) {
        let url = without_secrets(uri);
        self.host.note_denied_request(method.as_str(), &url);
    }
}

/// An address without its query and its user: either may hold a secret.
pub(super) fn without_secrets(uri: &http::Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().map(|port| format!(":{port}"));
    format!(
        "{scheme}://{host}{}{}",
        port.unwrap_or_default(),
        uri.path()
    )
}

fn check_outgoing(message: &Outgoing) -> Result<(), Error> {
    check_content(&message.content)?;
    check_application(message.application.as_deref())
}

fn check_content(content: &Content) -> Result<(), Error> {
    let checked = content.check(limits::MESSAGE_BYTES);
    checked.map_err(|error| Error::Invalid(error.to_string()))
}

fn check_application(name: Option<&str>) -> Result<(), Error> {
    let most = limits::APPLICATION_NAME_BYTES;
    name.map_or(Ok(()), |name| {
        within("an application's name", name.len(), 1, most)
    })
}

fn check_timing(Timing { schedule, options }: &Timing) -> Result<(), Error> {
    let jitter = options.jitter_ms;
    let mut most_jitter = limits::TIMER_JITTER_MS;
    match schedule {
        Schedule::EveryMs(period) if *period < limits::TIMER_PERIOD_MS => {
            return Err(Error::Invalid(format!(
                "a period of {period} ms is shorter than {} ms",
                limits::TIMER_PERIOD_MS
            )));
        }
        Schedule::EveryMs(period) => most_jitter = most_jitter.min(period - 1),
        Schedule::Cron(expression) => within("a cron expression", expression.len(), 1, 256)?,
        Schedule::OnceAtMs(_) => {}
    }
    if jitter > most_jitter {
        return Err(Error::Invalid(format!(
            "a jitter of {jitter} ms is more than {most_jitter} ms: it is at most a day, and less \
             than the period"
        )));
    }
    options.zone.as_deref().map_or(Ok(()), |zone| {
        within("a time zone", zone.len(), 1, limits::ZONE_BYTES)
    })
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
