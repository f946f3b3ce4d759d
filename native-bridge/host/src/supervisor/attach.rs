//! Processes started by hand: under a debugger, in a container, as a service.
//! One of them takes the place of the plugin's own process while it is
//! connected. Its start and end are not crashes.

use std::sync::{Arc, Weak, atomic::Ordering};

use mortise_runtime::{CallError, log::Source, process::Attachment, types::Level};
use tempfile::TempDir;
use tokio_util::task::AbortOnDropHandle;

use super::{Phase, Supervisor, running::Running};
use crate::{
    connection::{OpenLink, handshake},
    folders,
    lasting::Version,
    launch::Reaper,
    transport::{Link, Listener},
};

/// The place where processes can attach, until it is dropped.
pub(super) struct AttachPoint {
    _task: AbortOnDropHandle<()>,
    _reaper: Reaper,
    _folder: TempDir,
}

impl Supervisor {
    /// Makes a place where a process can attach, instead of the one before.
    ///
    /// # Errors
    ///
    /// [`CallError::Unavailable`]: the socket cannot be made.
    pub(crate) fn attach(self: &Arc<Self>) -> Result<Attachment, CallError> {
        let unavailable = |error: &dyn std::fmt::Display| CallError::Unavailable(error.to_string());
        let folder = self.shared.folders.make(folders::ATTACH);
        let folder = folder.map_err(|error| unavailable(&error))?;
        let listener = Listener::bind(folder.path(), "s").map_err(|error| unavailable(&error))?;
        let reaper = Reaper::of(folder.path(), &self.shared.launcher)
            .map_err(|error| unavailable(&error))?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| unavailable(&error))?;
        let attachment = Attachment {
            socket: listener.path().to_owned(),
            secret: hex::encode(secret),
        };
        let task = tokio::spawn(listen(
            Arc::downgrade(self),
            listener,
            attachment.secret.clone(),
        ));
        *self.attaching.lock() = Some(AttachPoint {
            _task: AbortOnDropHandle::new(task),
            _reaper: reaper,
            _folder: folder,
        });
        Ok(attachment)
    }

    /// Makes a place where a process can attach whenever the server runs; the one
    /// that was made before stays.
    ///
    /// # Errors
    ///
    /// [`CallError::Unavailable`]: the socket cannot be made.
    pub(crate) fn attach_lasting(&self) -> Result<Attachment, CallError> {
        self.shared.lasting.make(&self.id)
    }

    /// Puts a process that was started by hand in the place of the one before.
    async fn take_in(self: Arc<Self>, opened: OpenLink) {
        let turn = self.take_turn().await;
        if let Some(over) = self.over().filter(|before| before.is_over()) {
            // What follows from its end must not come after this.
            over.postmortem().await;
        }
        if let Some(before) = self.replace_phase(Phase::Starting) {
            before.drain(self.shared.settings.stop.ask).await;
            before.stop(&self.shared.settings.stop).await;
        }
        self.crashes.lock().clear();
        let generation = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        let imports = Arc::clone(&self.imports);
        let running = Running::attached(&self.shared, opened, imports, generation);
        match self.identified(running).await {
            Ok(running) => {
                self.note(Level::Info, "a process that was started by hand took over");
                if self.admit(&turn, running).await.is_err() {
                    // It left before all instances were up.
                    *self.phase() = Phase::Down;
                }
            }
            Err(error) => {
                *self.phase() = Phase::Down;
                self.log().write(
                    Level::Error,
                    Source::Host,
                    &format!("a process that was started by hand is not this plugin: {error}"),
                );
            }
        }
    }

    /// An attached process is gone.
    pub(super) fn left(&self, running: &Arc<Running>) {
        let mut phase = self.phase();
        if matches!(&*phase, Phase::Up(current) if Arc::ptr_eq(current, running)) {
            *phase = Phase::Down;
        }
        drop(phase);
        self.note(
            Level::Info,
            "the process that was started by hand left; the plugin's own takes its place",
        );
    }
}

impl Version for Supervisor {
    fn id(&self) -> &str {
        &self.id
    }

    fn is_used(&self) -> bool {
        !self.members().is_empty()
    }

    fn let_in(self: Arc<Self>, link: Link, secret: String) {
        tokio::spawn(let_in(self, link, secret));
    }

    fn report(&self, error: &str) {
        let text = format!("a process that was started by hand cannot attach: {error}");
        self.log().write(Level::Error, Source::Host, &text);
    }
}

/// Lets in who has the secret, one after another.
async fn listen(supervisor: Weak<Supervisor>, listener: Listener, secret: String) {
    while let Ok(link) = listener.accept().await {
        let Some(supervisor) = supervisor.upgrade() else {
            return;
        };
        tokio::spawn(let_in(supervisor, link, secret.clone()));
    }
}

async fn let_in(supervisor: Arc<Supervisor>, link: Link, secret: String) {
    let terms = supervisor.shared.settings.terms();
    let deadline = supervisor.shared.settings.handshake;
    let why = match tokio::time::timeout(deadline, handshake(link, &terms, &secret)).await {
        Ok(Ok(opened)) => return supervisor.take_in(opened).await,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it sent no handshake within {deadline:?}"),
    };
    supervisor.log().write(
        Level::Warn,
        Source::Host,
        &format!("a process that was started by hand was turned away: {why}"),
    );
}
