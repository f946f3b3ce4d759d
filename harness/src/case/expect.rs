//! Expected results of a step.

use std::collections::BTreeMap;

use mortise_runtime::{
    CallError, Capability,
    log::Source,
    schedule::Timing,
    types::{Level, MissedRuns, Schedule, TimerOptions},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, Error as _},
};
use serde_json::Value;

use super::values::{Text, maybe_many, one_or_many, present};

/// The expected results of a step. Fields that are left out are not checked,
/// except that an error, or an HTTP status of 400 or more, must be expected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expect {
    pub(crate) answer: Answer,
    pub(crate) effects: Effects,
}

/// The plugin's answer to the step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) error: Option<ErrorIs>,
    pub(crate) problems: Option<Vec<ProblemIs>>,
    pub(crate) text: Option<Text>,
    pub(crate) status: Option<Text>,
    pub(crate) headers: BTreeMap<String, Option<Text>>,
    pub(crate) body: Option<Text>,
    pub(crate) verdict: Option<VerdictIs>,
    pub(crate) manifest: Option<Value>,
    pub(crate) capabilities: Option<Vec<Capability>>,
    pub(crate) fired: Option<Vec<String>>,
}

/// The effects of the step, which may take a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    /// Log entries written since the previous step, in any order, among others.
    pub(crate) log: Vec<LogIs>,
    /// A text that no new entry may have.
    pub(crate) no_log: Vec<LogIs>,
    /// All messages sent since then.
    pub(crate) sent: Option<Vec<SentIs>>,
    /// All requests made since then.
    pub(crate) requests: Option<Vec<RequestIs>>,
    /// All denials since then.
    pub(crate) denials: Option<Vec<DenialIs>>,
    /// The stored values, by key.
    pub(crate) storage: BTreeMap<String, Option<Text>>,
    /// All timers that are set.
    pub(crate) timers: Option<BTreeMap<String, Timing>>,
    /// The user's messages, by id.
    pub(crate) messages: BTreeMap<u64, Option<ContentIs>>,
    /// The images of the plugin's applications, by name.
    pub(crate) images: BTreeMap<String, Option<Text>>,
    /// The files in `${dir}`, by path below it.
    pub(crate) files: BTreeMap<String, Option<Text>>,
}

/// An expectation in the form of the file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    error: Option<ErrorIs>,
    #[serde(deserialize_with = "maybe_many")]
    problems: Option<Vec<ProblemIs>>,
    text: Option<Text>,
    status: Option<Text>,
    headers: BTreeMap<String, Option<Text>>,
    body: Option<Text>,
    keep: bool,
    replace: Option<ContentIs>,
    drop: Option<Text>,
    manifest: Option<Value>,
    capabilities: Option<Vec<Capability>>,
    fired: Option<Vec<String>>,
    #[serde(deserialize_with = "one_or_many")]
    log: Vec<LogIs>,
    #[serde(deserialize_with = "one_or_many")]
    no_log: Vec<LogIs>,
    sent: Option<Vec<SentIs>>,
    requests: Option<Vec<RequestIs>>,
    #[serde(deserialize_with = "maybe_many")]
    denials: Option<Vec<DenialIs>>,
    storage: BTreeMap<String, Option<Text>>,
    timers: Option<BTreeMap<String, TimerIs>>,
    messages: BTreeMap<u64, Option<ContentIs>>,
    images: BTreeMap<String, Option<Text>>,
    files: BTreeMap<String, Option<Text>>,
}

impl Written {
    fn expect(self) -> Result<Expect, String> {
        let verdicts = [
            self.keep.then_some(VerdictIs::Keep),
            self.replace
                .map(|content| VerdictIs::Replace(Box::new(content))),
            self.drop.map(VerdictIs::Drop),
        ];
        let mut verdicts = verdicts.into_iter().flatten();
        let verdict = verdicts.next();
        if verdicts.next().is_some() {
            return Err("a filter has one verdict: keep, replace or drop".to_owned());
        }
        Ok(Expect {
            answer: Answer {
                error: self.error,
                problems: self.problems,
                text: self.text,
                status: self.status,
                headers: self.headers,
                body: self.body,
                verdict,
                manifest: self.manifest,
                capabilities: self.capabilities,
                fired: self.fired,
            },
            effects: Effects {
                log: self.log,
                no_log: self.no_log,
                sent: self.sent,
                requests: self.requests,
                denials: self.denials,
                storage: self.storage,
                timers: self
                    .timers
                    .map(|all| all.into_iter().map(|(name, one)| (name, one.0)).collect()),
                messages: self.messages,
                images: self.images,
                files: self.files,
            },
        })
    }
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Expect;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("the expected results, or `keep`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Expect, E> {
                let written = Written {
                    keep: true,
                    ..Written::default()
                };
                match text {
                    "keep" => written.expect().map_err(E::custom),
                    text => Err(E::custom(format!(
                        "`{text}` cannot be expected by itself; only `keep` can"
                    ))),
                }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Expect, A::Error> {
                Written::deserialize(de::value::MapAccessDeserializer::new(map))?
                    .expect()
                    .map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Expect {
    /// Checks that it expects only results that `whom` can have.
    pub(crate) fn check(&self, whom: &str, can: &[&str]) -> Result<(), String> {
        let Answer {
            error,
            problems,
            text,
            status,
            headers,
            body,
            verdict,
            manifest,
            capabilities,
            fired,
        } = &self.answer;
        let verdict = verdict.as_ref().map(|verdict| match verdict {
            VerdictIs::Keep => "keep",
            VerdictIs::Replace(_) => "replace",
            VerdictIs::Drop(_) => "drop",
        });
        let said = [
            error.as_ref().map(|_| "error"),
            problems.as_ref().map(|_| "problems"),
            text.as_ref().map(|_| "text"),
            status.as_ref().map(|_| "status"),
            (!headers.is_empty()).then_some("headers"),
            body.as_ref().map(|_| "body"),
            verdict,
            manifest.as_ref().map(|_| "manifest"),
            capabilities.as_ref().map(|_| "capabilities"),
            fired.as_ref().map(|_| "fired"),
        ];
        match said.into_iter().flatten().find(|name| !can.contains(name)) {
            Some(name) => Err(format!("`{name}` cannot be expected of {whom}")),
            None => Ok(()),
        }
    }

    /// The files that it inspects.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.effects.files.keys().map(String::as_str)
    }
}

/// A filter's verdict.
#[derive(Clone, Debug)]
pub(crate) enum VerdictIs {
    Keep,
    Replace(Box<ContentIs>),
    Drop(Text),
}

/// A timer.
#[derive(Deserialize)]
#[serde(try_from = "WrittenTimer")]
struct TimerIs(Timing);

/// A timer in the form of the file. [`Timing`] itself is read without an error for a
/// field that it does not have.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenTimer {
    every_ms: Option<u64>,
    cron: Option<String>,
    once_at_ms: Option<u64>,
    zone: Option<String>,
    jitter_ms: u64,
    missed: MissedRuns,
}

impl TryFrom<WrittenTimer> for TimerIs {
    type Error = &'static str;

    fn try_from(written: WrittenTimer) -> Result<Self, Self::Error> {
        let schedule = match (written.every_ms, written.cron, written.once_at_ms) {
            (Some(ms), None, None) => Schedule::EveryMs(ms),
            (None, Some(expression), None) => Schedule::Cron(expression),
            (None, None, Some(ms)) => Schedule::OnceAtMs(ms),
            _ => return Err("a timer has one schedule: every_ms, cron or once_at_ms"),
        };
        Ok(Self(Timing {
            schedule,
            options: TimerOptions {
                zone: written.zone,
                jitter_ms: written.jitter_ms,
                missed: written.missed,
            },
        }))
    }
}

/// A message's content.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ContentIs {
    pub(crate) title: Option<Text>,
    pub(crate) body: Option<Text>,
    pub(crate) priority: Option<i32>,
    #[serde(deserialize_with = "present")]
    pub(crate) extras: Option<Value>,
}

/// A sent message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SentIs {
    /// The user that the plugin named; `null` if it named none.
    #[serde(deserialize_with = "present")]
    pub(crate) user: Option<Option<Text>>,
    /// The plugin's application; `null` for its main one.
    #[serde(deserialize_with = "present")]
    pub(crate) application: Option<Option<Text>>,
    pub(crate) title: Option<Text>,
    pub(crate) body: Option<Text>,
    pub(crate) priority: Option<i32>,
    #[serde(deserialize_with = "present")]
    pub(crate) extras: Option<Value>,
    /// True if it passes the user's filters.
    pub(crate) filtered: Option<bool>,
}

impl SentIs {
    pub(crate) fn content(&self) -> ContentIs {
        ContentIs {
            title: self.title.clone(),
            body: self.body.clone(),
            priority: self.priority,
            extras: self.extras.clone(),
        }
    }
}

/// A request to a scripted server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RequestIs {
    pub(crate) method: Option<Text>,
    pub(crate) url: Option<Text>,
    pub(crate) headers: BTreeMap<String, Option<Text>>,
    pub(crate) body: Option<Text>,
}

/// A problem of a configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProblemIs {
    pub(crate) path: Option<Text>,
    pub(crate) text: Option<Text>,
}

/// An error: a part of its text, or its kind and a rule for its text.
#[derive(Clone, Debug)]
pub(crate) struct ErrorIs {
    pub(crate) kind: Option<ErrorKind>,
    pub(crate) text: Option<Text>,
}

impl<'de> Deserialize<'de> for ErrorIs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            kind: Option<ErrorKind>,
            text: Option<Text>,
        }
        let value = Value::deserialize(deserializer)?;
        if value.is_object() {
            let Fields { kind, text } = serde_json::from_value(value).map_err(D::Error::custom)?;
            let text = text.map(Text::within);
            return Ok(Self { kind, text });
        }
        Ok(Self {
            kind: None,
            text: Some(Text::of::<D::Error>(value)?.within()),
        })
    }
}

/// The kinds of [`CallError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ErrorKind {
    NotExported,
    Denied,
    Refused,
    Config,
    Stopped,
    DeadlineExceeded,
    Busy,
    Crashed,
    BadAnswer,
    BackingOff,
    Unavailable,
}

impl ErrorKind {
    pub(crate) const fn of(error: &CallError) -> Self {
        match error {
            CallError::NotExported(_) => Self::NotExported,
            CallError::Denied { .. } => Self::Denied,
            CallError::Refused(_) => Self::Refused,
            CallError::Config(_) => Self::Config,
            CallError::Stopped => Self::Stopped,
            CallError::DeadlineExceeded { .. } => Self::DeadlineExceeded,
            CallError::Busy { .. } => Self::Busy,
            CallError::Crashed { .. } => Self::Crashed,
            CallError::BadAnswer { .. } => Self::BadAnswer,
            CallError::BackingOff { .. } => Self::BackingOff,
            _ => Self::Unavailable,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NotExported => "not-exported",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Config => "config",
            Self::Stopped => "stopped",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Busy => "busy",
            Self::Crashed => "crashed",
            Self::BadAnswer => "bad-answer",
            Self::BackingOff => "backing-off",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A log entry: its text, or several fields.
#[derive(Clone, Debug)]
pub(crate) struct LogIs {
    pub(crate) text: Option<Text>,
    pub(crate) level: Option<Level>,
    pub(crate) source: Option<Source>,
}

impl<'de> Deserialize<'de> for LogIs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            text: Option<Text>,
            level: Option<Level>,
            source: Option<Source>,
        }
        let value = Value::deserialize(deserializer)?;
        let has = |name| value.get(name).is_some();
        if has("text") || has("level") || has("source") {
            let fields = serde_json::from_value(value).map_err(D::Error::custom)?;
            let Fields {
                text,
                level,
                source,
            } = fields;
            return Ok(Self {
                text,
                level,
                source,
            });
        }
        Ok(Self {
            text: Some(Text::of(value)?),
            level: None,
            source: None,
        })
    }
}

/// A denial: the permission, or several fields.
#[derive(Clone, Debug)]
pub(crate) struct DenialIs {
    pub(crate) permission: String,
    pub(crate) what: Option<Text>,
}

impl<'de> Deserialize<'de> for DenialIs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            permission: String,
            what: Option<Text>,
        }
        let value = Value::deserialize(deserializer)?;
        if let Value::String(permission) = value {
            return Ok(Self {
                permission,
                what: None,
            });
        }
        let Fields { permission, what } =
            serde_json::from_value(value).map_err(D::Error::custom)?;
        Ok(Self { permission, what })
    }
}

impl std::fmt::Display for ErrorIs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind.map_or("an error", ErrorKind::name);
        match &self.text {
            Some(text) => write!(formatter, "{kind}: {text}"),
            None => formatter.write_str(kind),
        }
    }
}

impl std::fmt::Display for LogIs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.text {
            Some(text) => write!(formatter, "{text}")?,
            None => formatter.write_str("any text")?,
        }
        // In the form of a case.
        if let Some(level) = self.level {
            let level = format!("{level:?}").to_lowercase();
            write!(formatter, ", at the level {level}")?;
        }
        if let Some(source) = self.source {
            let source = format!("{source:?}").to_lowercase();
            write!(formatter, ", from {source}")?;
        }
        Ok(())
    }
}
