//! The steps of a case.

use std::{collections::BTreeMap, time::Duration};

use mortise_runtime::types::{Application, Draft, Header, StopReason, WebhookRequest};
use serde::{
    Deserialize, Deserializer,
    de::{self, Error as _},
};
use serde_json::Value;

use super::{
    expect::Expect,
    plan::{self, MessageSpec},
    values::{Blob, maybe_many, present},
};

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) expect: Expect,
}

/// The action of a step.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Reads the manifest and the capabilities.
    Describe,
    Defaults,
    Schema,
    Apply(String),
    /// Asks for the defaults and applies them.
    ApplyDefaults,
    Start,
    Stop(StopReason),
    /// Drops the code behind the instance; the next call recreates it.
    Idle,
    /// Ends the instance and makes a new one, as when the server restarts.
    Restart,
    Display(Option<String>),
    Webhook(Box<WebhookSpec>),
    Filter(Box<DraftSpec>),
    Messages(Vec<MessageSpec>),
    Timer(String),
    /// Advances the time, and fires the timers that come due.
    Advance(Duration),
    /// Waits for the expected effects.
    Wait(Duration),
}

/// A request to the webhook.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebhookSpec {
    method: String,
    path: String,
    query: Option<String>,
    headers: BTreeMap<String, String>,
    body: Blob,
    client: String,
    scheme: String,
    host: String,
}

/// The path of the plugin's webhook.
pub(crate) const BASE_PATH: &str = "/plugin/1/custom/secret/";

impl Default for WebhookSpec {
    fn default() -> Self {
        Self {
            method: "POST".to_owned(),
            path: String::new(),
            query: None,
            headers: BTreeMap::new(),
            body: Blob::default(),
            client: "192.0.2.1".to_owned(),
            scheme: "http".to_owned(),
            host: "push.example.org".to_owned(),
        }
    }
}

impl WebhookSpec {
    pub(crate) fn request(&self) -> WebhookRequest {
        let headers = self.headers.iter();
        WebhookRequest {
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers: headers
                .map(|(name, value)| Header {
                    name: name.to_lowercase(),
                    value: value.clone(),
                })
                .collect(),
            body: self.body.0.clone(),
            client: self.client.clone(),
            scheme: self.scheme.clone(),
            host: self.host.clone(),
            base_path: BASE_PATH.to_owned(),
        }
    }
}

/// A message for the filter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftSpec {
    #[serde(default = "plan::application")]
    pub(crate) application: String,
    #[serde(default)]
    title: String,
    #[serde(default = "plan::body")]
    body: String,
    #[serde(default = "plan::priority")]
    priority: i32,
    #[serde(default)]
    extras: Option<serde_json::Map<String, Value>>,
    /// The time of its receipt in milliseconds since the epoch; by default now.
    received_ms: Option<u64>,
    /// The time for all filters.
    #[serde(default = "filter_deadline", deserialize_with = "duration")]
    pub(crate) deadline: Duration,
}

const fn filter_deadline() -> Duration {
    Duration::from_secs(60)
}

impl DraftSpec {
    pub(crate) fn draft(&self, application: Application, now_ms: u64) -> Draft {
        Draft {
            application,
            content: plan::content(&self.title, &self.body, self.priority, self.extras.as_ref()),
            received_ms: self.received_ms.unwrap_or(now_ms),
        }
    }
}

/// The longest time in a case, so that sums do not overflow.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    match humantime::parse_duration(&text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err(D::Error::custom("more than 100 years")),
        Err(error) => Err(D::Error::custom(format!(
            "`{text}` is not a time such as `300ms`, `5s` or `1h 30m`: {error}"
        ))),
    }
}

fn maybe_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// A step in the form of the file: its action by name, and its expectations.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    #[serde(deserialize_with = "present")]
    describe: Option<Option<()>>,
    #[serde(deserialize_with = "present")]
    defaults: Option<Option<()>>,
    #[serde(deserialize_with = "present")]
    schema: Option<Option<()>>,
    apply: Option<String>,
    #[serde(deserialize_with = "present")]
    apply_defaults: Option<Option<()>>,
    #[serde(deserialize_with = "present")]
    start: Option<Option<()>>,
    #[serde(deserialize_with = "present")]
    stop: Option<Option<StopReason>>,
    #[serde(deserialize_with = "present")]
    idle: Option<Option<()>>,
    #[serde(deserialize_with = "present")]
    restart: Option<Option<()>>,
    #[serde(deserialize_with = "present")]
    display: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    webhook: Option<Option<WebhookSpec>>,
    filter: Option<DraftSpec>,
    #[serde(deserialize_with = "maybe_many")]
    messages: Option<Vec<MessageSpec>>,
    timer: Option<String>,
    #[serde(deserialize_with = "maybe_duration")]
    advance: Option<Duration>,
    #[serde(deserialize_with = "maybe_duration")]
    wait: Option<Duration>,
    expect: Expect,
}

impl Written {
    fn step(self) -> Result<Step, String> {
        let stop =
            |reason: Option<StopReason>| Action::Stop(reason.unwrap_or(StopReason::Disabled));
        let request =
            |spec: Option<WebhookSpec>| Action::Webhook(Box::new(spec.unwrap_or_default()));
        let actions = [
            self.describe.map(|_| Action::Describe),
            self.defaults.map(|_| Action::Defaults),
            self.schema.map(|_| Action::Schema),
            self.apply.map(Action::Apply),
            self.apply_defaults.map(|_| Action::ApplyDefaults),
            self.start.map(|_| Action::Start),
            self.stop.map(stop),
            self.idle.map(|_| Action::Idle),
            self.restart.map(|_| Action::Restart),
            self.display.map(Action::Display),
            self.webhook.map(request),
            self.filter.map(|spec| Action::Filter(Box::new(spec))),
            self.messages.map(Action::Messages),
            self.timer.map(Action::Timer),
            self.advance.map(Action::Advance),
            self.wait.map(Action::Wait),
        ];
        let mut actions = actions.into_iter().flatten();
        match (actions.next(), actions.next()) {
            (Some(action), None) => Ok(Step {
                action,
                expect: self.expect,
            }),
            (None, _) => Err(format!("a step does one of {ACTIONS}; this one does none")),
            (Some(one), Some(other)) => Err(format!(
                "a step does one thing; this one does `{}` and `{}`",
                one.name(),
                other.name()
            )),
        }
    }

    /// Returns the step for a name alone.
    fn named(name: &str) -> Result<Self, String> {
        let there = Some(None);
        let mut written = Self::default();
        match name {
            "describe" => written.describe = there,
            "defaults" => written.defaults = there,
            "schema" => written.schema = there,
            "apply-defaults" => written.apply_defaults = there,
            "start" => written.start = there,
            "stop" => written.stop = Some(None),
            "idle" => written.idle = there,
            "restart" => written.restart = there,
            "display" => written.display = Some(None),
            "webhook" => written.webhook = Some(None),
            name => {
                return Err(format!(
                    "`{name}` alone is not a step; a step does one of {ACTIONS}"
                ));
            }
        }
        Ok(written)
    }
}

const ACTIONS: &str = "describe, defaults, schema, apply, apply-defaults, start, stop, idle, \
                       restart, display, webhook, filter, messages, timer, advance, wait";

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Step;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "a step: one of {ACTIONS}")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Step, E> {
                Written::named(name)
                    .and_then(Written::step)
                    .map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Step, A::Error> {
                Written::deserialize(de::value::MapAccessDeserializer::new(map))?
                    .step()
                    .map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Step {
    /// Checks the rules that a type cannot express.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Action::Messages(messages) = &self.action
            && !(1..=mortise_runtime::limits::BATCH).contains(&messages.len())
        {
            return Err(format!(
                "a listener receives 1 to {} messages at a time",
                mortise_runtime::limits::BATCH
            ));
        }
        self.expect
            .check(&format!("`{}`", self.action.name()), self.action.answers())
    }
}

impl Action {
    /// Returns the action's name in the file.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Defaults => "defaults",
            Self::Schema => "schema",
            Self::Apply(_) => "apply",
            Self::ApplyDefaults => "apply-defaults",
            Self::Start => "start",
            Self::Stop(_) => "stop",
            Self::Idle => "idle",
            Self::Restart => "restart",
            Self::Display(_) => "display",
            Self::Webhook(_) => "webhook",
            Self::Filter(_) => "filter",
            Self::Messages(_) => "messages",
            Self::Timer(_) => "timer",
            Self::Advance(_) => "advance",
            Self::Wait(_) => "wait",
        }
    }

    /// Returns the expectations that the action's answer can have. Every step
    /// can have expected effects.
    const fn answers(&self) -> &'static [&'static str] {
        match self {
            Self::Describe => &["manifest", "capabilities"],
            Self::Defaults | Self::Schema | Self::Display(_) => &["error", "text"],
            Self::Apply(_) | Self::ApplyDefaults => &["error", "problems"],
            Self::Start | Self::Restart => &["error", "problems"],
            Self::Webhook(_) => &["error", "status", "headers", "body"],
            Self::Filter(_) => &["error", "keep", "replace", "drop"],
            Self::Advance(_) => &["error", "fired"],
            Self::Stop(_) | Self::Idle | Self::Messages(_) | Self::Timer(_) => &["error"],
            Self::Wait(_) => &[],
        }
    }
}
