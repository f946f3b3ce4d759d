//! A filter that drops repeated messages.
//!
//! `config` has the configuration, and `seen` remembers the messages that passed.
//! This file decides about a message.

mod config;
mod seen;

use mortise_plugin::prelude::*;

use crate::{
    config::Config,
    seen::{Memory, Seen, fingerprint},
};

struct Deduplicate {
    context: Context,
    config: Config,
    memory: Memory,
}

impl Plugin for Deduplicate {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.deduplicate", "Deduplicate")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Drops messages that are equal to a recent one.")
            .license(env!("CARGO_PKG_LICENSE"))
            .wants(
                Permission::FilterMessages,
                "to drop repeated messages, and to add their number to the next one",
            )
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            config: Config::default(),
            memory: Memory::default(),
        }
    }

    fn start(&mut self, _user: &User) -> Result<(), String> {
        self.memory = Memory::load(&self.context.storage())?;
        Ok(())
    }
}

impl Configurer for Deduplicate {
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

impl Filter for Deduplicate {
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String> {
        if !self.config.applies(&draft) {
            return Ok(Verdict::Keep);
        }
        let now_ms = draft.received_ms;
        let fingerprint = fingerprint(&draft);
        let before = self.memory.get(&fingerprint);
        let repeated =
            before.filter(|seen| now_ms.saturating_sub(seen.passed_ms) < self.config.window_ms());
        if let Some(seen) = repeated {
            let dropped = seen.dropped + 1;
            self.remember(&fingerprint, Seen { dropped, ..seen });
            return Ok(Verdict::Drop(format!(
                "equal to a message of the last {} minutes",
                self.config.minutes
            )));
        }
        let passed = Seen {
            passed_ms: now_ms,
            dropped: 0,
        };
        self.remember(&fingerprint, passed);
        self.prune(now_ms);
        Ok(match before.map_or(0, |seen| seen.dropped) {
            dropped if dropped > 0 && self.config.count => {
                let mut content = draft.content;
                content.body.push_str(&format!("\n\n(and {dropped} more)"));
                Verdict::Replace(content)
            }
            _ => Verdict::Keep,
        })
    }
}

impl Deduplicate {
    /// Remembers a message. If the storage fails, the decision stays the same, and
    /// only an instance that starts later does not know the message.
    fn remember(&mut self, fingerprint: &str, seen: Seen) {
        let storage = self.context.storage();
        if let Err(error) = self.memory.set(&storage, fingerprint, seen) {
            self.context
                .warn(format!("a message is remembered in memory only: {error}"));
        }
    }

    fn prune(&mut self, now_ms: u64) {
        let storage = self.context.storage();
        let window_ms = self.config.window_ms();
        if let Err(error) = self.memory.prune(&storage, now_ms, window_ms) {
            self.context
                .warn(format!("old messages are not forgotten: {error}"));
        }
    }
}

mortise_plugin::export!(Deduplicate: Configurer, Filter);

#[cfg(test)]
mod tests {
    use mortise_plugin::{
        prelude::*,
        testing::{Recorder, draft},
    };

    use super::Deduplicate;
    use crate::seen::MOST;

    fn at(minute: u64, body: &str) -> Draft {
        let mut draft = draft("backup", Content::new("t", body));
        draft.received_ms = minute * 60_000;
        draft
    }

    #[test]
    fn the_oldest_messages_are_forgotten() {
        let host = Recorder::new();
        let mut plugin = Deduplicate::new(host.context());
        for number in 0..=MOST {
            let mut one = at(1, &number.to_string());
            one.received_ms += number as u64;
            assert_eq!(plugin.filter(one), Ok(Verdict::Keep));
        }
        assert_eq!(plugin.filter(at(2, "0")), Ok(Verdict::Keep));
        assert!(matches!(plugin.filter(at(2, "5")), Ok(Verdict::Drop(_))));
        let keys = host.context().storage().keys("").unwrap();
        assert_eq!(keys.len(), MOST);
    }

    #[test]
    fn old_messages_are_forgotten_unless_their_repetitions_count() {
        let host = Recorder::new();
        let mut plugin = Deduplicate::new(host.context());
        for body in ["once", "twice", "twice"] {
            plugin.filter(at(1, body)).unwrap();
        }
        plugin.filter(at(20, "other")).unwrap();
        let keys = || host.context().storage().keys("").unwrap().len();
        assert_eq!(keys(), 2);
        plugin.filter(at(24 * 60 + 1, "another")).unwrap();
        assert_eq!(keys(), 1);
    }
}
