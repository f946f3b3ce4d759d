//! `mortise plugin timers`: the timers of a plugin, and when they are due.

use serde::Deserialize;
use serde_json::Value;

use super::{
    orders::{Named, Own},
    remote::understood,
    show::{printable, table},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timer {
    name: String,
    every_ms: Option<u64>,
    cron: Option<String>,
    next: Vec<String>,
}

impl Timer {
    fn schedule(&self) -> String {
        match (self.every_ms, &self.cron) {
            (Some(ms), _) => {
                let every = std::time::Duration::from_millis(ms);
                format!("every {}", humantime::format_duration(every))
            }
            (None, Some(expression)) => format!("cron {}", printable(expression)),
            (None, None) => "once".to_owned(),
        }
    }
}

impl Named {
    /// The user's timers of a plugin.
    pub(super) async fn timers(&self) -> anyhow::Result<String> {
        let remote = self.which.remote()?;
        let own = Own::find(&remote, &self.id).await?;
        let timers: Value = remote.get(&own.path("/timers")).await?;
        if self.json {
            return Ok(format!("{timers}\n"));
        }
        let timers: Vec<Timer> = understood(timers)?;
        if timers.is_empty() {
            return Ok(format!("{} has no timers\n", self.id));
        }
        let mut table = table(&["timer", "schedule", "next times"]);
        for timer in timers {
            table.add_row([
                printable(&timer.name),
                timer.schedule(),
                timer.next.join("\n"),
            ]);
        }
        let note = if own.enabled {
            ""
        } else {
            "they fire once you enable the plugin\n"
        };
        Ok(format!("{table}\n{note}"))
    }
}
