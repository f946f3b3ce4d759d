//! A process after its handshake: calls into it, and its end.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use mortise_runtime::{CallError, log::Source, process::Protection};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

use super::{
    debugger::Debuggee,
    memory,
    process::{self, Exit, Process},
    start_error::StartError,
};
use crate::{
    activity::Activity,
    connection::{AskError, Closed, Connection, HandshakeError, OpenLink, Streamed, handshake},
    imports::Imports,
    launch::plan::{Plan, StopCommand},
    sandbox::{Mode, Policy, ProcessLimits, Reach},
    settings::StopLadder,
    shared::Shared,
    transport,
};
use mortise_protocol::{
    SECRET_VARIABLE,
    methods::{self, Empty, Method},
};

/// The end of a process after its handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Postmortem {
    /// In one line.
    pub(crate) cause: String,
    /// The last lines it printed.
    pub(crate) details: String,
}

/// A process after its handshake.
pub(crate) struct Running {
    /// The number of this start.
    pub(crate) generation: u64,
    /// Its reach.
    pub(crate) reach: Reach,
    connection: Connection,
    /// None if it was started by hand.
    process: Option<Process>,
    imports: Arc<Imports>,
    /// From where on the log is about this process.
    log_from: u64,
    since: Instant,
    used: Activity,
    stopping: AtomicBool,
    postmortem: watch::Sender<Option<Arc<Postmortem>>>,
}

/// Lines of output shown with an error.
const LINES: usize = 20;
/// The time that a process may continue after it ended its connection.
const LINGER: Duration = Duration::from_secs(1);
/// The interval between checks for the end of calls.
const DRAIN: Duration = Duration::from_millis(2);
/// The time to wait for an event that is certain.
const CERTAIN: Duration = Duration::from_secs(15);

/// Makes the control group of a process, named as its folder.
#[cfg(target_os = "linux")]
fn control_group(shared: &Shared, plan: &Plan) -> Result<std::path::PathBuf, String> {
    let groups = shared.groups.as_ref().map_err(Clone::clone)?;
    let name = plan
        .folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    groups
        .make(&name, &plan.policy.limits)
        .map_err(|error| format!("its control group could not be made: {error}"))
}

impl Running {
    /// Returns the version of the contract that both sides have agreed to.
    pub(crate) fn contract(&self) -> &str {
        &self.connection.agreement().contract
    }

    /// Starts a process and waits for its handshake.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is left of it then.
    pub(crate) async fn start(
        shared: &Shared,
        file: &Path,
        reach: Reach,
        imports: Arc<Imports>,
        generation: u64,
    ) -> Result<Arc<Self>, StartError> {
        let settings = &shared.settings;
        let log_from = imports.log().written();
        let host = |error: &dyn std::fmt::Display| StartError::Host(error.to_string());
        let folder = process::folder(&shared.folders).map_err(|error| host(&error))?;
        let (link, connection) = transport::pair().map_err(|error| host(&error))?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| host(&error))?;
        let secret = hex::encode(secret);
        let directory = process::directory(folder.path());
        let plan = Plan {
            program: file.to_owned(),
            environment: environment(shared, &reach, &directory, &secret),
            policy: Policy {
                mode: match settings.sandbox {
                    Mode::StrictWherePossible if shared.protects.load(Ordering::Relaxed) => {
                        Mode::Strict
                    }
                    mode => mode,
                },
                without: settings.sandbox_without.clone(),
                program: file.to_owned(),
                folder: folder.path().to_owned(),
                directory: directory.clone(),
                readable: settings.readable.clone(),
                limits: ProcessLimits {
                    memory_bytes: reach.memory_bytes.unwrap_or(settings.process.memory_bytes),
                    ..settings.process.clone()
                },
                reach: reach.clone(),
                protected: settings.protected.clone(),
                // The monitor says which it is.
                monitor: 0,
                group: Err("there are none on this system".to_owned()),
            },
            folder: folder.path().to_owned(),
            directory,
        };
        #[cfg(target_os = "linux")]
        let plan = {
            let mut plan = plan;
            plan.policy.group = control_group(shared, &plan);
            plan
        };
        let launcher = &shared.launcher;
        let process = Process::start(launcher, &plan, connection, folder, &imports, settings)
            .await
            .map_err(|error| host(&format!("{}: {error}", launcher.display())))?;
        let terms = settings.terms();
        let opened = tokio::select! {
            biased;
            opened = handshake(link, &terms, &secret) => Some(opened),
            _ = process.exited() => None,
            () = tokio::time::sleep(settings.handshake) => None,
        };
        let error = match opened {
            Some(Ok(opened)) => {
                tracing::debug!(file = %file.display(), generation, "started a process");
                // Empty until the report is there, which can come after the handshake.
                let protection = process.protection();
                if protection.missing.is_empty() && !protection.applied.is_empty() {
                    shared.protects.store(true, Ordering::Relaxed);
                }
                return Ok(Arc::new(Self {
                    log_from,
                    ..Self::new(shared, opened, Some(process), reach, imports, generation)
                }));
            }
            Some(Err(error)) => {
                if matches!(
                    error,
                    HandshakeError::Ended | HandshakeError::Io(_) | HandshakeError::WrongSecret
                ) {
                    // It ends, most likely; otherwise it is ended.
                    let _ = tokio::time::timeout(LINGER, process.exited()).await;
                }
                Some(error)
            }
            None => None,
        };
        // Seen before it is killed, which would be its exit too.
        let exit = tokio::time::timeout(Duration::ZERO, process.exited()).await;
        process.kill(settings.stop.kill).await;
        let output = after_newline(printed(&imports, log_from));
        let deadline = settings.handshake;
        Err(match (error, exit) {
            (
                None
                | Some(HandshakeError::Ended | HandshakeError::Io(_) | HandshakeError::WrongSecret),
                Ok(exit),
            ) => StartError::Exited { exit, output },
            (None | Some(HandshakeError::Ended | HandshakeError::Io(_)), Err(_)) => {
                StartError::Silent { deadline, output }
            }
            (Some(error), _) => StartError::Handshake { error, output },
        })
    }

    /// Serves a process that was started by hand.
    pub(crate) fn attached(
        shared: &Shared,
        opened: OpenLink,
        imports: Arc<Imports>,
        generation: u64,
    ) -> Arc<Self> {
        let reach = Reach::default();
        Arc::new(Self::new(shared, opened, None, reach, imports, generation))
    }

    fn new(
        shared: &Shared,
        opened: OpenLink,
        process: Option<Process>,
        reach: Reach,
        imports: Arc<Imports>,
        generation: u64,
    ) -> Self {
        let debuggee = match &process {
            None => Some(Debuggee::Process(opened.link.peer)),
            Some(process) if shared.settings.debugging => process.monitor().map(Debuggee::Below),
            Some(_) => None,
        };
        imports.debugger().observe(generation, debuggee);
        let handler = Arc::clone(&imports);
        Self {
            generation,
            reach,
            connection: Connection::open(opened, handler, shared.settings.patience),
            process,
            log_from: imports.log().written(),
            imports,
            since: Instant::now(),
            used: Activity::new(),
            stopping: AtomicBool::new(false),
            postmortem: watch::Sender::new(None),
        }
    }

    /// Its debugger is of no more interest.
    pub(crate) fn left(&self) {
        self.imports.debugger().leave(self.generation);
    }

    /// Returns true if it was started by hand.
    pub(crate) const fn is_attached(&self) -> bool {
        self.process.is_none()
    }

    /// Returns its protection.
    pub(crate) fn protection(&self) -> Protection {
        match &self.process {
            Some(process) => process.protection(),
            None => Protection {
                missing: vec!["everything: it was started by hand".to_owned()],
                ..Protection::default()
            },
        }
    }

    /// Waits until the process has ended, if that can be seen.
    async fn exited(&self) -> Exit {
        match &self.process {
            Some(process) => process.exited().await,
            None => std::future::pending().await,
        }
    }

    /// Kills it, if it is ours, and waits until nothing is left of it.
    async fn end(&self, deadline: Duration) {
        if let Some(process) = &self.process {
            process.kill(deadline).await;
        }
    }

    /// Returns the memory of the process and of those below it.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        memory::below(self.process.as_ref()?.monitor()?)
    }

    /// Asks it who it is.
    ///
    /// # Errors
    ///
    /// As any call.
    pub(crate) async fn describe(
        &self,
        deadline: Duration,
    ) -> Result<methods::Description, AskError> {
        self.connection
            .ask(methods::DESCRIBE, None, &Empty {}, deadline)
            .await
    }

    /// Describes the process after a failed call, on several lines.
    pub(crate) async fn explain(&self, error: AskError) -> String {
        match error {
            AskError::Closed(_) => {
                let postmortem = self.examine().await;
                let details = after_newline(postmortem.details);
                format!("{}{details}", postmortem.cause)
            }
            AskError::Failed(failure) => format!("an error: {}", failure.text),
            AskError::BadAnswer(what) => format!("an answer that is no manifest: {what}"),
            AskError::TimedOut | AskError::Unsendable(_) => {
                let output = after_newline(printed(&self.imports, self.log_from));
                format!("{error}{output}")
            }
        }
    }

    /// Calls a function by a deadline.
    ///
    /// # Errors
    ///
    /// As the plugin or its end says it.
    pub(crate) fn ask<P: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        instance: Option<u64>,
        params: &P,
        deadline: Duration,
    ) -> impl Future<Output = Result<R, AskError>> {
        self.used.mark();
        self.connection.ask(method, instance, params, deadline)
    }

    /// As [`Connection::ask_streamed`].
    pub(crate) async fn ask_streamed<P: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        instance: u64,
        params: &P,
        deadline: Duration,
        pieces: &Arc<Streamed>,
    ) -> Result<R, AskError> {
        self.used.mark();
        let answer = self
            .connection
            .ask_streamed(method, Some(instance), params, deadline, pieces)
            .await;
        // It may have taken long.
        self.used.mark();
        answer
    }

    /// The error of a call that failed because the process ended.
    pub(crate) async fn crashed(&self, call: &'static str) -> CallError {
        let postmortem = self.postmortem().await;
        CallError::Crashed {
            call,
            cause: postmortem.cause.clone(),
            details: postmortem.details.clone(),
        }
    }

    /// Returns true if it serves no more.
    pub(crate) fn is_over(&self) -> bool {
        self.connection.is_closed()
    }

    /// Returns true if the host is ending it.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Returns the time since its last call.
    pub(crate) fn idle_for(&self) -> Duration {
        self.used.silence()
    }

    /// Returns the time that it has been serving.
    pub(crate) fn uptime(&self) -> Duration {
        self.since.elapsed()
    }

    /// Waits until it serves no more.
    pub(crate) async fn over(&self) {
        tokio::select! {
            _ = self.connection.closed() => {}
            _ = self.exited() => {
                // Its last output may still arrive.
                let ended = tokio::time::timeout(LINGER, self.connection.closed());
                if ended.await.is_err() {
                    self.connection.close(Closed::ByPlugin);
                }
            }
        }
    }

    /// Sees to its end once it is over, and finds out what became of it.
    pub(crate) async fn examine(&self) -> Postmortem {
        let closed = self.connection.closed().await;
        let exit = match closed {
            Closed::ByPlugin => tokio::time::timeout(LINGER, self.exited()).await.ok(),
            _ => None,
        };
        self.end(CERTAIN).await;
        let cause = match (&closed, exit) {
            (Closed::ByPlugin, Some(exit)) => exit.to_string(),
            (Closed::ByPlugin, None) => {
                "it ended the connection, but not its process, which was killed".to_owned()
            }
            (closed, _) => closed.to_string(),
        };
        Postmortem {
            cause,
            details: printed(&self.imports, self.log_from),
        }
    }

    /// Tells those whose calls were under way.
    pub(crate) fn publish(&self, postmortem: Postmortem) {
        self.postmortem.send_replace(Some(Arc::new(postmortem)));
    }

    /// Waits for the result of its end.
    pub(crate) async fn postmortem(&self) -> Arc<Postmortem> {
        let mut known = self.postmortem.subscribe();
        let settled = tokio::time::timeout(CERTAIN, known.wait_for(Option::is_some)).await;
        match settled {
            Ok(Ok(known)) => known.clone(),
            _ => None,
        }
        .unwrap_or_else(|| {
            Arc::new(Postmortem {
                cause: "its process does not end".to_owned(),
                details: String::new(),
            })
        })
    }

    /// Waits until no call is under way in it, at most this long. It counts as
    /// stopping from then on.
    pub(crate) async fn drain(&self, most: Duration) {
        self.stopping.store(true, Ordering::Relaxed);
        let end = Instant::now() + most;
        while self.connection.is_busy() && Instant::now() < end {
            tokio::time::sleep(DRAIN).await;
        }
    }

    /// Ends it in order: asks, then SIGTERM, then SIGKILL.
    pub(crate) async fn stop(&self, ladder: &StopLadder) {
        self.stopping.store(true, Ordering::Relaxed);
        let asked = async {
            let answer: Result<(), _> = self
                .connection
                .ask(methods::SHUTDOWN, None, &Empty {}, ladder.ask)
                .await;
            // An answer or none: what counts is that it exits.
            drop(answer);
            if !self.is_attached() {
                self.exited().await;
            }
        };
        let asked = tokio::time::timeout(ladder.ask, asked);
        let mut exited = asked.await.is_ok();
        self.connection.close(Closed::ByHost);
        let Some(process) = &self.process else {
            return;
        };
        if !exited {
            process.command(StopCommand::Term).await;
            exited = tokio::time::timeout(ladder.term, process.exited())
                .await
                .is_ok();
        }
        if !exited {
            self.imports.log().write(
                mortise_runtime::types::Level::Warn,
                Source::Host,
                "it neither ended when asked to nor at SIGTERM, and was killed",
            );
        }
        // Processes that it started end in any case.
        self.end(ladder.kill).await;
    }

    /// Ends it at once.
    pub(crate) async fn kill(&self) {
        self.abandon();
        self.end(CERTAIN).await;
    }

    /// Has it ended, without waiting.
    pub(crate) fn abandon(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.connection.close(Closed::ByHost);
        self.left();
    }
}

/// All of a plugin's environment, but for the variable that names its
/// connection: the stage adds it, which knows the descriptor's number.
fn environment(
    shared: &Shared,
    reach: &Reach,
    directory: &Path,
    secret: &str,
) -> Vec<(String, String)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let granted = reach.environment.iter();
    let granted = granted.map(|(name, value)| (name.clone(), value.clone()));
    // A granted variable wins over one of the host.
    let mut environment = shared.settings.variables.clone();
    environment.extend(granted);
    environment.extend(std::env::var("TZ").ok().map(|zone| ("TZ".to_owned(), zone)));
    environment.extend(
        [
            ("PATH", shared.settings.search_path.clone()),
            ("HOME", text(directory)),
            ("TMPDIR", text(&directory.join("tmp"))),
            ("LANG", "C.UTF-8".to_owned()),
            (SECRET_VARIABLE, secret.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    environment
}

/// The last lines that were printed since this entry of the log.
fn printed(imports: &Imports, from: u64) -> String {
    let entries = imports.log().since(from);
    let lines: Vec<&str> = entries
        .iter()
        .filter(|entry| matches!(entry.source, Source::Stdout | Source::Stderr))
        .map(|entry| entry.text.as_str())
        .collect();
    let skip = lines.len().saturating_sub(LINES);
    lines.get(skip..).unwrap_or_default().join("\n")
}

/// A text of its own lines below a line, if there is one.
fn after_newline(text: String) -> String {
    if text.is_empty() {
        text
    } else {
        format!("; it printed:\n{text}")
    }
}
