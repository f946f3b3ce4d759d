//! A timer that sends messages at the user's times.
//!
//! Timers outlive instances, so the plugin sets them when the configuration
//! changes, and not when an instance starts. Setting a timer again would lose a
//! time that passed while the server was down.

mod config;

use std::collections::BTreeMap;

use mortise_plugin::prelude::*;

use crate::config::{Config, Entry};

/// The cron expressions of the timers that are set, by name.
const TIMERS: &str = "timers";

type Crons = BTreeMap<String, String>;

struct Clock {
    context: Context,
    entries: BTreeMap<String, Entry>,
}

impl Plugin for Clock {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.clock", "Clock")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Sends messages at the times you choose.")
            .license(env!("CARGO_PKG_LICENSE"))
            .wants(Permission::Timers, "to wake up at the times you choose")
            .wants(Permission::SendMessages, "to send you the messages")
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            entries: BTreeMap::new(),
        }
    }
}

impl Configurer for Clock {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        config.check()?;
        let storage = self.context.storage();
        let whole = |error: Error| vec![Problem::new("", error)];
        let set: Crons = storage.get(TIMERS).map_err(whole)?.unwrap_or_default();
        let wanted: Crons = config
            .messages
            .iter()
            .map(|entry| (entry.name.clone(), entry.cron.clone()))
            .collect();
        if set != wanted {
            // The host checks cron expressions.
            self.change(&set, &wanted).map_err(|(name, error)| {
                // The previous configuration stays in use, and so do its
                // timers.
                if let Err((name, error)) = self.change(&wanted, &set) {
                    self.context
                        .error(format!("the timer `{name}` cannot be restored: {error}"));
                }
                let index = config.messages.iter().position(|entry| entry.name == name);
                let path =
                    index.map_or_else(String::new, |index| format!("messages[{index}].cron"));
                vec![Problem::new(path, error)]
            })?;
            storage.set(TIMERS, &wanted).map_err(whole)?;
        }
        self.entries = config
            .messages
            .into_iter()
            .map(|entry| (entry.name.clone(), entry))
            .collect();
        Ok(())
    }

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }
}

impl Clock {
    /// Cancels and sets the timers that changed. Returns the name of the first
    /// timer that the host rejected.
    fn change(&self, from: &Crons, to: &Crons) -> Result<(), (String, Error)> {
        let timers = self.context.timers();
        for name in from.keys().filter(|name| !to.contains_key(*name)) {
            timers.cancel(name).map_err(|error| (name.clone(), error))?;
        }
        for (name, cron) in to {
            if from.get(name) != Some(cron) {
                timers
                    .set(name, Schedule::Cron(cron.clone()))
                    .map_err(|error| (name.clone(), error))?;
            }
        }
        Ok(())
    }
}

impl Timer for Clock {
    fn on_timer(&mut self, name: &str) -> Result<(), String> {
        let Some(entry) = self.entries.get(name) else {
            // The timer came due just when the user removed it.
            self.context.timers().cancel(name)?;
            return Ok(());
        };
        self.context
            .send(Content::new(&entry.title, &entry.text).priority(entry.priority))?;
        Ok(())
    }
}

mortise_plugin::export!(Clock: Configurer, Timer);

#[cfg(test)]
mod tests {
    use mortise_plugin::{config::from_yaml, prelude::*, testing::Recorder};

    use super::Clock;

    fn apply(plugin: &mut Clock, yaml: &str) {
        plugin.apply(from_yaml(yaml).unwrap()).unwrap();
    }

    #[test]
    fn sets_what_is_new_and_cancels_what_is_gone() {
        let host = Recorder::new();
        let mut plugin = Clock::new(host.context());
        apply(
            &mut plugin,
            "messages: [{name: a, cron: '0 9 * * *', text: x}, {name: b, cron: '0 8 * * *', text: y}]",
        );
        assert_eq!(host.timers().len(), 2);
        apply(
            &mut plugin,
            "messages: [{name: b, cron: '0 7 * * *', text: y}, {name: c, cron: '0 8 * * *', text: z}]",
        );
        let timers: Vec<_> = host.timers().into_iter().collect();
        assert_eq!(
            timers,
            [
                ("b".to_owned(), Schedule::Cron("0 7 * * *".to_owned())),
                ("c".to_owned(), Schedule::Cron("0 8 * * *".to_owned())),
            ]
        );
    }

    #[test]
    fn a_timer_that_did_not_change_is_left_alone() {
        let host = Recorder::new();
        let yaml = "messages: [{name: a, cron: '0 9 * * *', text: x}]";
        apply(&mut Clock::new(host.context()), yaml);
        // The host's timer fired or advanced; the next instance must not set it
        // again.
        host.context().timers().cancel("a").unwrap();
        apply(&mut Clock::new(host.context()), yaml);
        assert!(host.timers().is_empty());
    }

    #[test]
    fn sends_what_is_due() {
        let host = Recorder::new();
        let mut plugin = Clock::new(host.context());
        apply(
            &mut plugin,
            "messages: [{name: a, cron: '0 9 * * *', title: T, text: x, priority: 7}]",
        );
        plugin.on_timer("a").unwrap();
        plugin.on_timer("gone").unwrap();
        assert_eq!(host.sent(), [Content::new("T", "x").priority(7).into()]);
    }
}
