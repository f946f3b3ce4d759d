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
    types::{Application, Content, Draft, Error, Level, Message, Outgoing, Schedule},
};

/// Records the calls of a plugin and answers like a host that grants
/// everything. [`Recorder::answer_http`] sets the answers to HTTP requests.
#[derive(Clone, Default)]
pub struct Recorder {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    sent: Vec<Outgoing>,
    removed: Vec<u64>,
    storage: BTreeMap<String, Vec<u8>>,
    timers: BTreeMap<String, Schedule>,
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

    /// Returns the sent messages, in order. Their ids are 1, 2, ….
    pub fn sent(&self) -> Vec<Outgoing> {
        self.state().sent.clone()
    }

    /// Returns the timers that are set.
    pub fn timers(&self) -> BTreeMap<String, Schedule> {
        self.state().timers.clone()
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
    fn messages(&self) -> Vec<Message> {
        (1..)
            .zip(&self.sent)
            .filter(|(id, _)| !self.removed.contains(id))
            .map(|(id, outgoing)| {
                let application = outgoing.application.as_deref().unwrap_or("plugin");
                message(id, application, outgoing.content.clone())
            })
            .collect()
    }
}

impl Host for Recorder {
    fn send(&self, message: &Outgoing) -> Result<u64, Error> {
        if message.content.body.is_empty() {
            return Err(Error::Invalid("an empty body".to_owned()));
        }
        let mut state = self.state();
        state.sent.push(message.clone());
        Ok(state.sent.len() as u64)
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
        self.state().timers.insert(name.to_owned(), when.clone());
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
        types::{Content, Schedule},
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

        context.storage().set("k/1", &vec![1, 2]).unwrap();
        assert_eq!(
            context.storage().get::<Vec<u8>>("k/1").unwrap(),
            Some(vec![1, 2])
        );
        assert!(context.storage().get::<String>("k/1").is_err());
        assert_eq!(context.storage().keys("k/").unwrap(), ["k/1"]);

        context.timers().set("t", Schedule::EveryMs(1000)).unwrap();
        assert_eq!(host.timers().len(), 1);

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
