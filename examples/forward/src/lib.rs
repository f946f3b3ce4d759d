//! A listener that forwards messages to an HTTP address.
//!
//! `config` has the configuration, and `payload` the formats. This file handles
//! failed deliveries.

mod config;
mod payload;

use std::time::{Duration, Instant};

use mortise_plugin::prelude::*;

use crate::config::Config;

/// The ids of the messages that were forwarded from a batch with a later failure.
/// The host passes such a batch again as a whole. The last id would not be enough: a
/// dead letter that its user has delivered again is older.
const DELIVERED: &str = "delivered";

/// The time for deliveries in one call. The host's own deadline is later.
const BUDGET: Duration = Duration::from_secs(5);

/// The header by which a receiver recognizes a message that it has already.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

struct Forward {
    context: Context,
    config: Config,
}

impl Plugin for Forward {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.forward", "Forward")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Forwards messages to an HTTP address: Slack, ntfy, or your own.")
            .license(env!("CARGO_PKG_LICENSE"))
            .wants(
                Permission::ReadMessages(vec!["*".to_owned()]),
                "to forward the messages",
            )
            .wants(
                Permission::Http(vec!["*:*".to_owned()]),
                "to call the address in its configuration; granting only that host is enough",
            )
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            config: Config::default(),
        }
    }
}

impl Configurer for Forward {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        config.check()?;
        self.config = config;
        Ok(())
    }

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }
}

impl Listener for Forward {
    fn on_messages(&mut self, messages: Vec<Message>) -> Result<(), String> {
        if self.config.url.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let storage = self.context.storage();
        let before: Vec<u64> = storage.get(DELIVERED)?.unwrap_or_default();
        let mut delivered = Vec::new();
        let mut result = Ok(());
        for message in &messages {
            result = if before.contains(&message.id)
                || message.content.priority < self.config.min_priority
            {
                Ok(())
            } else if began.elapsed() > BUDGET {
                Err("the receiver is slow; the other messages follow".to_owned())
            } else {
                self.forward(message)
            };
            if result.is_err() {
                break;
            }
            delivered.push(message.id);
        }
        if result.is_err() && !delivered.is_empty() {
            storage.set(DELIVERED, &delivered)?;
        }
        result
    }
}

impl Forward {
    /// Sends one message.
    ///
    /// # Errors
    ///
    /// Failures that a later attempt may not have. If the receiver rejects a
    /// message because of its content, the plugin logs and skips it, because it
    /// would hold up all others.
    fn forward(&self, message: &Message) -> Result<(), String> {
        let mut request = HttpRequest::post(&self.config.url).timeout(BUDGET);
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        if !self.config.has_header(IDEMPOTENCY_KEY) {
            request = request.header(IDEMPOTENCY_KEY, key(message));
        }
        let request = request.json(&payload::of(message, &self.config))?;
        let response = self.context.http(request)?;
        if response.ok() {
            return Ok(());
        }
        let answer: String = response.text().chars().take(200).collect();
        if matches!(response.status, 400 | 413 | 415 | 422) {
            self.context.warn(format!(
                "the receiver rejected message {} with status {}: {answer}",
                message.id, response.status
            ));
            return Ok(());
        }
        Err(format!(
            "message {}: {} answered with status {}: {answer}",
            message.id, self.config.url, response.status
        ))
    }
}

/// Returns the value of `Idempotency-Key`, the same at every delivery of a message.
/// With the time, it differs also from a message that got this id before the
/// server's data was restored from a backup, or on another server.
fn key(message: &Message) -> String {
    format!("mortise-{}-{}", message.id, message.created_ms)
}

mortise_plugin::export!(Forward: Configurer, Listener);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use mortise_plugin::{
        prelude::*,
        testing::{Recorder, message},
    };

    use super::Forward;
    use crate::config::Config;

    /// Creates a plugin whose receiver answers with these statuses in turn, and
    /// returns the received bodies.
    fn forward(statuses: &[u16]) -> (Forward, Recorder, Arc<Mutex<Vec<String>>>) {
        let host = Recorder::new();
        let mut plugin = Forward::new(host.context());
        let config = Config {
            url: "https://hooks.example.org/x".to_owned(),
            min_priority: 2,
            headers: [("Authorization".to_owned(), "Bearer t".to_owned())].into(),
            ..Config::default()
        };
        plugin.apply(config).unwrap();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (seen, statuses) = (bodies.clone(), statuses.to_vec());
        host.answer_http(move |request| {
            assert_eq!(request.headers[0], Header::new("authorization", "Bearer t"));
            let mut seen = seen.lock().unwrap();
            seen.push(String::from_utf8(request.body.clone()).unwrap());
            Ok(HttpResponse {
                status: statuses[seen.len() - 1],
                headers: Vec::new(),
                body: b"because".to_vec(),
            })
        });
        (plugin, host, bodies)
    }

    fn batch() -> Vec<Message> {
        (1..=3)
            .map(|id| message(id, "backup", Content::new(format!("t{id}"), "b")))
            .collect()
    }

    #[test]
    fn a_batch_that_failed_goes_on_where_it_stopped() {
        let (mut plugin, _, bodies) = forward(&[200, 503, 200, 200]);
        let error = plugin.on_messages(batch()).unwrap_err();
        assert!(
            error.contains("message 2") && error.contains("503"),
            "{error}"
        );
        plugin.on_messages(batch()).unwrap();
        let titles: Vec<_> = bodies
            .lock()
            .unwrap()
            .iter()
            .map(|body| {
                let body: serde_json::Value = serde_json::from_str(body).unwrap();
                body["title"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(titles, ["t1", "t2", "t2", "t3"]);
    }

    #[test]
    fn a_message_that_is_refused_does_not_hold_up_the_others() {
        let (mut plugin, host, bodies) = forward(&[200, 413, 200]);
        plugin.on_messages(batch()).unwrap();
        assert_eq!(bodies.lock().unwrap().len(), 3);
        assert!(
            host.log()[0]
                .1
                .contains("rejected message 2 with status 413")
        );
    }

    #[test]
    fn what_matters_less_is_not_forwarded() {
        let (mut plugin, _, bodies) = forward(&[]);
        let quiet = Content::new("t", "b").priority(1);
        plugin
            .on_messages(vec![message(1, "backup", quiet)])
            .unwrap();
        assert!(bodies.lock().unwrap().is_empty());
    }
}
