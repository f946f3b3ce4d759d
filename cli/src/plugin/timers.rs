//! `mortise plugin timers`: the timers of a plugin, and when they are due.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{
    commands::{Named, Own},
    remote::understood,
    show::{printable, table},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timer {
    name: String,
    every_ms: Option<u64>,
    cron: Option<String>,
    zone: Option<String>,
    jitter_ms: Option<u64>,
    #[serde(default)]
    skips_missed: bool,
    next: Vec<String>,
}

impl Timer {
    fn schedule(&self) -> String {
        let mut schedule = self.repetition();
        if let Some(zone) = &self.zone {
            schedule.push_str(&format!(", in {}", printable(zone)));
        }
        if let Some(jitter) = self.jitter_ms {
            let jitter = humantime::format_duration(Duration::from_millis(jitter));
            schedule.push_str(&format!(", up to {jitter} later"));
        }
        if self.skips_missed {
            schedule.push_str(", missed ones skipped");
        }
        schedule
    }

    fn repetition(&self) -> String {
        match (self.every_ms, &self.cron) {
            (Some(ms), _) => {
                let every = Duration::from_millis(ms);
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
