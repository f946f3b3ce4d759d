//! Fetches a JSON address again and again, and sends a message when a field changes.

use mortise_plugin::{prelude::*, serde_json::Value};

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The address, which answers with a JSON object.
    url: String,
    /// The field of the object to compare.
    field: String,
    /// The minutes between two requests.
    minutes: u32,
}

struct Poller(Context, Config);

impl Plugin for Poller {
    fn manifest() -> Manifest {
        Manifest::new("org.example.poller", "Poller")
            .wants(
                Permission::Http(vec!["*:*".to_owned()]),
                "to fetch the configured address",
            )
            .wants(Permission::Timers, "to fetch it again and again")
            .wants(Permission::SendMessages, "to report a change")
    }

    fn new(context: Context) -> Self {
        Self(context, Config::default())
    }
}

impl Configurer for Poller {
    type Config = Config;

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        let period = Schedule::EveryMs(u64::from(config.minutes) * 60_000);
        self.0.timers().set("poll", period)?;
        self.1 = config;
        Ok(())
    }
}

impl Timer for Poller {
    fn on_timer(&mut self, _name: &str) -> Result<(), String> {
        let answer = self.0.http(HttpRequest::get(&self.1.url))?;
        let answer: Value = answer.error_for_status()?.json()?;
        let value = answer.get(&self.1.field).cloned().unwrap_or_default();
        let last: Option<Value> = self.0.storage().get("last")?;
        if let Some(last) = last.filter(|last| *last != value) {
            let body = format!("{last} → {value}");
            self.0.send(Content::new(&self.1.field, body))?;
        }
        Ok(self.0.storage().set("last", &value)?)
    }
}

mortise_plugin::main!(Poller: Configurer, Timer);
