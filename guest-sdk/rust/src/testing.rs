//! A host in memory, for unit tests of plugins.
//!
//! ```
//! use mortise_plugin::{prelude::*, testing::Recorder};
//!
//! let host = Recorder::new();
//! let context = host.context();
//! context.send(Content::new("Hello", "world"))?;
//! assert_eq!(host.sent()[0].content.title, "Hello");
//! # Ok::<(), Error>(())
//! ```

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Context,
    backend::{Handle, Host},
    http::{Hop, HttpRequest, HttpResponse},
    types::{
        Application, Content, Delivery, Draft, Error, Level, Message, Outgoing, Schedule,
        TimerOptions,
    },
};

/// Records the calls of a plugin and answers like a host that grants
/// everything. [`Recorder::answer_http`] sets the answers to HTTP requests.
#[derive(Clone, Default)]
pub struct Recorder {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// All messages, with the user of those to other users.
    sent: Vec<(Option<String>, Outgoing)>,
    removed: Vec<u64>,
    expiries: BTreeMap<u64, u64>,
    images: BTreeMap<Option<String>, Vec<u8>>,
    storage: BTreeMap<String, Vec<u8>>,
    timers: BTreeMap<String, (Schedule, TimerOptions)>,
    log: Vec<(Level, String)>,
    http: Option<Answer>,
}

type Answer = Arc<dyn Fn(&HttpRequest) -> Result<HttpResponse, Error> + Send + Sync>;

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Recorder")
    }
}

impl Recorder {
    /// Creates a host without recorded calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a context for `Plugin::new` that uses this host.
    pub fn context(&self) -> Context {
        Context::new(Handle::new(Arc::new(self.clone())))
    }

    /// Answers each HTTP request, redirects included, with this function.
    pub fn answer_http(
        &self,
        answer: impl Fn(&HttpRequest) -> Result<HttpResponse, Error> + Send + Sync + 'static,
    ) {
        self.state().http = Some(Arc::new(answer));
    }

    /// Returns the messages to the user, in order, as they were updated last. The ids
    /// of all messages, with those to other users, are 1, 2, ….
    pub fn sent(&self) -> Vec<Outgoing> {
        let state = self.state();
        let sent = state.sent.iter().filter(|(user, _)| user.is_none());
        sent.map(|(_, message)| message.clone()).collect()
    }

    /// Returns the messages of [`Context::send_to`], in order, each with its user.
    pub fn sent_to(&self) -> Vec<(String, Outgoing)> {
        let state = self.state();
        let sent = state.sent.iter();
        sent.filter_map(|(user, message)| Some((user.clone()?, message.clone())))
            .collect()
    }

    /// Returns the times of [`Context::expire`], by message.
    pub fn expiries(&self) -> BTreeMap<u64, u64> {
        self.state().expiries.clone()
    }

    /// Returns the images of the plugin's applications; that of the main one has no name.
    pub fn images(&self) -> BTreeMap<Option<String>, Vec<u8>> {
        self.state().images.clone()
    }

    /// Returns the timers that are set.
    pub fn timers(&self) -> BTreeMap<String, Schedule> {
        let state = self.state();
        let timers = state.timers.iter();
        timers
            .map(|(name, (when, _))| (name.clone(), when.clone()))
            .collect()
    }

    /// Returns the options of the timers that are set.
    pub fn timer_options(&self) -> BTreeMap<String, TimerOptions> {
        let state = self.state();
        let timers = state.timers.iter();
        timers
            .map(|(name, (_, options))| (name.clone(), options.clone()))
            .collect()
    }

    /// Returns the log, in order.
    pub fn log(&self) -> Vec<(Level, String)> {
        self.state().log.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates a draft from an application with this name.
pub fn draft(application: &str, content: Content) -> Draft {
    Draft {
        application: Application {
            id: 1,
            name: application.to_owned(),
        },
        content,
        received_ms: 0,
    }
}

/// Creates a stored message from an application with this name.
pub fn message(id: u64, application: &str, content: Content) -> Message {
    Message {
        id,
        application: Application {
            id: 1,
            name: application.to_owned(),
        },
        content,
        created_ms: 0,
    }
}

impl State {
    fn send(&mut self, user: Option<String>, message: &Outgoing) -> u64 {
        self.sent.push((user, message.clone()));
        self.sent.len() as u64
    }

    /// Returns a message to the user that is still there.
    fn own(&mut self, id: u64) -> Result<&mut Outgoing, Error> {
        let removed = self.removed.contains(&id);
        let own = (1..).zip(&mut self.sent).find(|(other, _)| *other == id);
        match own {
            Some((_, (None, message))) if !removed => Ok(message),
            _ => Err(Error::Invalid(format!("there is no message {id}"))),
        }
    }

    fn messages(&self) -> Vec<Message> {
        (1..)
            .zip(&self.sent)
            .filter(|(id, (user, _))| user.is_none() && !self.removed.contains(id))
            .map(|(id, (_, outgoing))| {
                let application = outgoing.application.as_deref().unwrap_or("plugin");
                message(id, application, outgoing.content.clone())
            })
            .collect()
    }
}

fn check(content: &Content) -> Result<(), Error> {
    if content.body.is_empty() {
        return Err(Error::Invalid("an empty body".to_owned()));
    }
    Ok(())
}

impl Host for Recorder {
    fn send(&self, message: &Outgoing) -> Result<u64, Error> {
        check(&message.content)?;
        Ok(self.state().send(None, message))
    }

    fn send_to(&self, users: &[String], message: &Outgoing) -> Result<Vec<Delivery>, Error> {
        check(&message.content)?;
        let mut state = self.state();
        let deliver = |user: &String| Delivery {
            user: user.clone(),
            outcome: Ok(state.send(Some(user.clone()), message)),
        };
        Ok(users.iter().map(deliver).collect())
    }

    fn message(&self, id: u64) -> Result<Option<Message>, Error> {
        let messages = self.state().messages();
        Ok(messages.into_iter().find(|message| message.id == id))
    }

    fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        Ok(self
            .state()
            .messages()
            .into_iter()
            .rev()
            .filter(|message| before.is_none_or(|before| message.id < before))
            .take(limit as usize)
            .collect())
    }

    fn received(&self, _before: Option<u64>, _limit: u32) -> Result<Vec<Message>, Error> {
        Ok(Vec::new())
    }

    fn remove(&self, id: u64) -> Result<(), Error> {
        self.state().removed.push(id);
        Ok(())
    }

    fn update(&self, id: u64, content: &Content) -> Result<(), Error> {
        check(content)?;
        self.state().own(id)?.content = content.clone();
        Ok(())
    }

    fn expire(&self, id: u64, at_ms: Option<u64>) -> Result<(), Error> {
        let mut state = self.state();
        state.own(id)?;
        match at_ms {
            Some(at_ms) => _ = state.expiries.insert(id, at_ms),
            None => _ = state.expiries.remove(&id),
        }
        Ok(())
    }

    fn set_image(&self, application: Option<&str>, image: &[u8]) -> Result<(), Error> {
        let application = application.map(str::to_owned);
        let mut state = self.state();
        if image.is_empty() {
            state.images.remove(&application);
        } else {
            state.images.insert(application, image.to_vec());
        }
        Ok(())
    }

    fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.state().storage.get(key).cloned())
    }

    fn store(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.state().storage.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn unset(&self, key: &str) -> Result<(), Error> {
        self.state().storage.remove(key);
        Ok(())
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let state = self.state();
        let keys = state.storage.keys();
        Ok(keys
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect())
    }

    fn set_timer(&self, name: &str, when: &Schedule) -> Result<(), Error> {
        self.set_timer_with(name, when, &TimerOptions::default())
    }

    fn set_timer_with(
        &self,
        name: &str,
        when: &Schedule,
        options: &TimerOptions,
    ) -> Result<(), Error> {
        let timer = (when.clone(), options.clone());
        self.state().timers.insert(name.to_owned(), timer);
        Ok(())
    }

    fn cancel_timer(&self, name: &str) -> Result<(), Error> {
        self.state().timers.remove(name);
        Ok(())
    }

    fn log(&self, level: Level, text: &str) {
        self.state().log.push((level, text.to_owned()));
    }

    fn http(&self, hop: &Hop) -> Result<HttpResponse, Error> {
        let answer = self.state().http.clone();
        match answer {
            Some(answer) => answer(&hop.request()),
            None => Err(Error::Denied(format!(
                "no test answers {}; use `Recorder::answer_http`",
                hop.url
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Recorder;
    use crate::{
        http::{HttpRequest, HttpResponse},
        types::{Content, Schedule, TimerOptions},
    };

    #[test]
    fn answers_like_a_host() {
        let host = Recorder::new();
        let context = host.context();
        let first = context.send(Content::new("a", "b")).unwrap();
        let second = context.send(Content::new("c", "d")).unwrap();
        assert_eq!(context.sent(Some(second), 10).unwrap()[0].id, first);
        context.remove(first).unwrap();
        assert_eq!(context.message(first).unwrap(), None);
        assert!(context.send(Content::new("", "")).is_err());

        let delivered = context.send_to(["ann", "bob"], Content::new("e", "f"));
        assert_eq!(delivered.unwrap()[1].outcome, Ok(4));
        assert_eq!(host.sent_to()[0].0, "ann");
        context.update(second, Content::new("c", "g")).unwrap();
        assert_eq!(host.sent()[1].content.body, "g");
        assert!(context.update(first, Content::new("a", "b")).is_err());
        assert!(context.update(4, Content::new("a", "b")).is_err());
        context.expire(second, Some(9)).unwrap();
        assert_eq!(host.expiries()[&second], 9);
        context.expire(second, None).unwrap();
        assert!(host.expiries().is_empty());
        context.set_image(Some("alarms"), b"GIF").unwrap();
        assert_eq!(host.images()[&Some("alarms".to_owned())], b"GIF");

        context.storage().set("k/1", &vec![1, 2]).unwrap();
        assert_eq!(
            context.storage().get::<Vec<u8>>("k/1").unwrap(),
            Some(vec![1, 2])
        );
        assert!(context.storage().get::<String>("k/1").is_err());
        assert_eq!(context.storage().keys("k/").unwrap(), ["k/1"]);

        context.timers().set("t", Schedule::EveryMs(1000)).unwrap();
        assert_eq!(host.timers().len(), 1);
        let options = TimerOptions::default().skip_missed();
        let timers = context.timers();
        timers
            .set_with("u", Schedule::EveryMs(1000), options.clone())
            .unwrap();
        assert_eq!(host.timer_options()["u"], options);

        assert!(context.http(HttpRequest::get("http://a.example")).is_err());
        host.answer_http(|request| {
            Ok(HttpResponse {
                status: 200,
                headers: Vec::new(),
                body: request.url.clone().into_bytes(),
            })
        });
        let response = context.http(HttpRequest::get("http://a.example")).unwrap();
        assert_eq!(response.text(), "http://a.example/");
    }
}
