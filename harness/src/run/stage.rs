//! The environment of one case: an instance with its host, and its steps.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use mortise_runtime::{
    CallError, Capabilities, Grants, Instance, InstanceSetup, Log, Plugin,
    log::Entry,
    types::{Manifest, StopReason, Verdict, WebhookResponse},
};
use tokio::time::Instant;

use crate::{
    case::{
        expect::Effects,
        plan::Plan,
        step::{Action, BASE_PATH},
    },
    host::{ScriptedHost, Sent},
    report::Difference,
    web::{Answering, Asked},
};

/// The environment of a case.
pub(super) struct Stage<'a> {
    plugin: &'a dyn Plugin,
    plan: &'a Plan,
    grants: Grants,
    config: Option<String>,
    pub(super) host: Arc<ScriptedHost>,
    pub(super) web: Answering,
    pub(super) folder: PathBuf,
    log: Arc<Log>,
    instance: Arc<dyn Instance>,
    /// True if timers fire.
    started: bool,
    /// The state at the beginning of the current step.
    seen: Seen,
}

/// The sizes of lists that only grow.
#[derive(Default)]
struct Seen {
    log: u64,
    sent: usize,
    asked: usize,
    denied: BTreeMap<(String, String), u64>,
}

/// The answer to a step.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) answer: Answer,
    pub(super) error: Option<CallError>,
}

#[derive(Debug, Default)]
pub(super) enum Answer {
    #[default]
    Nothing,
    PluginDescription(Box<Manifest>, Capabilities),
    Text(String),
    Webhook(WebhookResponse),
    Verdict(Verdict),
    Fired(Vec<String>),
}

/// The total time to wait for a plugin that keeps failing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The interval between checks for an effect.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The largest number of timers that one step fires.
const FIRINGS: usize = 10_000;

/// The number of log entries shown for a failed case.
const ENTRIES: usize = 10;

impl<'a> Stage<'a> {
    /// Makes the instance.
    pub(super) async fn set(
        plugin: &'a dyn Plugin,
        plan: &'a Plan,
        web: Answering,
        folder: &Path,
    ) -> Result<Self, String> {
        let manifest = plugin.manifest();
        let mut grants = plan.grants(manifest).map_err(|error| error.to_string())?;
        web.name_in(&mut grants);
        let host = Arc::new(ScriptedHost::new(plan, &manifest.name));
        let log = Arc::new(Log::new(plan.limits.log_bytes));
        let config = plan.config.clone();
        let setup = setup(plan, &grants, &host, &log, config.clone());
        let instance = plugin.instance(setup).await.map_err(|error| error.full())?;
        Ok(Self {
            plugin,
            plan,
            grants,
            config,
            host,
            web,
            folder: folder.to_owned(),
            log,
            instance,
            started: false,
            seen: Seen::default(),
        })
    }

    /// Ends the instance. Its answer is not part of the case.
    pub(super) async fn clear(self) {
        _ = self.instance.stop(StopReason::ShuttingDown).await;
    }

    /// Does a step.
    pub(super) async fn act(&mut self, action: &Action) -> Outcome {
        match action {
            Action::Advance(by) => return self.advance(*by).await,
            Action::Describe => {
                let manifest = Box::new(self.plugin.manifest().clone());
                return Outcome::of(Answer::PluginDescription(
                    manifest,
                    self.instance.capabilities(),
                ));
            }
            Action::Wait(_) => return Outcome::default(),
            _ => {}
        }
        let until = Instant::now() + PATIENCE;
        // The backend pauses a plugin that keeps failing; a server's next call
        // would come later too.
        let answer = loop {
            match self.call(action).await {
                Err(CallError::BackingOff { retry_in, .. })
                    if Instant::now() + retry_in < until =>
                {
                    tokio::time::sleep(retry_in).await;
                }
                answer => break answer,
            }
        };
        match answer {
            Ok(answer) => Outcome::of(answer),
            Err(error) => Outcome {
                error: Some(error),
                ..Outcome::default()
            },
        }
    }

    async fn call(&mut self, action: &Action) -> Result<Answer, CallError> {
        let instance = Arc::clone(&self.instance);
        match action {
            Action::Defaults => instance.default_config().await.map(Answer::Text),
            Action::Schema => {
                let schema = instance.config_schema().await?;
                Ok(schema.map_or(Answer::Nothing, Answer::Text))
            }
            Action::Apply(config) => self.apply(config).await,
            Action::ApplyDefaults => {
                let config = instance.default_config().await?;
                self.apply(&config).await
            }
            Action::Start => {
                instance.start().await?;
                self.started = true;
                Ok(Answer::Nothing)
            }
            Action::Stop(reason) => {
                // An idle instance comes back by itself.
                self.started &= *reason == StopReason::Idle;
                instance.stop(*reason).await.map(|()| Answer::Nothing)
            }
            Action::Idle => {
                let stopped = instance.stop(StopReason::Idle).await;
                stopped.map(|()| Answer::Nothing)
            }
            Action::Restart => self.restart().await,
            Action::Display(base_url) => {
                let page = instance.display(base_url.as_deref()).await;
                page.map(Answer::Text)
            }
            Action::Webhook(spec) => {
                let answer = instance.webhook(spec.request()).await;
                answer.map(Answer::Webhook)
            }
            Action::Filter(spec) => {
                let application = self.host.application(&spec.application);
                let draft = spec.draft(application, self.host.now_ms());
                let verdict = instance.filter(&draft, spec.deadline).await;
                verdict.map(Answer::Verdict)
            }
            Action::Messages(messages) => {
                let messages = messages.iter().map(|message| self.host.receive(message));
                let mut messages: Vec<_> = messages.collect();
                if let Some(interests) = &self.plugin.manifest().listens {
                    messages.retain(|message| interests.include(message));
                }
                if messages.is_empty() {
                    return Ok(Answer::Nothing);
                }
                let taken = instance.on_messages(&messages).await;
                taken.map(|()| Answer::Nothing)
            }
            Action::Timer(name) => instance.on_timer(name).await.map(|()| Answer::Nothing),
            // Actions that do not call the instance were done above.
            Action::Describe | Action::Advance(_) | Action::Wait(_) => Ok(Answer::Nothing),
        }
    }

    async fn apply(&mut self, config: &str) -> Result<Answer, CallError> {
        self.instance.apply_config(config).await?;
        self.config = Some(config.to_owned());
        Ok(Answer::Nothing)
    }

    async fn restart(&mut self) -> Result<Answer, CallError> {
        self.instance.stop(StopReason::ShuttingDown).await?;
        let config = self.config.clone();
        let setup = setup(self.plan, &self.grants, &self.host, &self.log, config);
        self.instance = self.plugin.instance(setup).await?;
        self.seen.denied.clear();
        self.instance.start().await?;
        self.started = true;
        Ok(Answer::Nothing)
    }

    /// Advances the time. Fires all timers that come due while the instance is
    /// started, and returns the first error.
    async fn advance(&mut self, by: Duration) -> Outcome {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let until = self.host.now_ms().saturating_add(by);
        let (mut fired, mut error) = (Vec::new(), None);
        if !self.started {
            self.host.pass(until);
            return Outcome::of(Answer::Fired(fired));
        }
        while let Some(name) = self.host.next_due(until) {
            let outcome = Box::pin(self.act(&Action::Timer(name.clone()))).await;
            error = error.or(outcome.error);
            fired.push(name);
            if fired.len() >= FIRINGS {
                error = error.or(Some(CallError::Unavailable(format!(
                    "more than {FIRINGS} timers came due in one step; advance by less"
                ))));
                break;
            }
        }
        Outcome {
            answer: Answer::Fired(fired),
            error,
        }
    }

    /// Checks the effects of the step until they are as expected, for this time
    /// at most, and returns the differences.
    pub(super) async fn settle(&self, expect: &Effects, most: Duration) -> Vec<Difference> {
        let until = Instant::now() + most;
        loop {
            let differences = self.compare(expect);
            if differences.is_empty() || Instant::now() >= until {
                return differences;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Ends the step. Later effects belong to the next one.
    pub(super) fn pass(&mut self) {
        self.seen = Seen {
            log: self.log.written(),
            sent: self.seen.sent + self.sent().len(),
            asked: self.seen.asked + self.asked().len(),
            denied: self.all_denials(),
        };
    }

    /// Treats all effects since the beginning of the case as new.
    pub(super) fn look_back(&mut self) {
        self.seen = Seen::default();
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.log.since(self.seen.log)
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.host.sent(self.seen.sent)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.web.asked(self.seen.asked)
    }

    /// Returns the denials in this step: the permission and its object.
    pub(super) fn denials(&self) -> Vec<(String, String)> {
        let before = &self.seen.denied;
        let mut new = self.all_denials();
        new.retain(|what, count| before.get(what).is_none_or(|before| before < count));
        new.into_keys().collect()
    }

    fn all_denials(&self) -> BTreeMap<(String, String), u64> {
        let denials = self.instance.guard().denials().into_iter();
        denials
            .map(|denial| ((denial.permission.to_owned(), denial.what), denial.count))
            .collect()
    }

    /// Returns the end of the log for a failed case.
    pub(super) fn last_entries(&self) -> Vec<Entry> {
        let mut entries = self.log.since(0);
        entries.drain(..entries.len().saturating_sub(ENTRIES));
        entries
    }
}

fn setup(
    plan: &Plan,
    grants: &Grants,
    host: &Arc<ScriptedHost>,
    log: &Arc<Log>,
    config: Option<String>,
) -> InstanceSetup {
    InstanceSetup {
        user: plan.user(),
        host: host.clone(),
        grants: grants.clone(),
        limits: plan.limits.clone(),
        denials: Arc::default(),
        log: log.clone(),
        config,
        base_path: Some(BASE_PATH.to_owned()),
        trial: false,
    }
}

impl Outcome {
    fn of(answer: Answer) -> Self {
        Self {
            answer,
            error: None,
        }
    }
}
