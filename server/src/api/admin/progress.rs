//! The progress of an installation, as live events for the administrator who
//! gave the command.

use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{events::Event, state::AppState};

/// The shortest time between two reports of bytes.
const PACE: Duration = Duration::from_millis(200);

/// An installation on its way.
pub(super) struct Progress {
    state: AppState,
    user: i64,
    order: u64,
    told: Instant,
    over: bool,
}

/// The event `install`.
#[derive(Serialize, ToSchema)]
struct Installation<'a> {
    /// The same in all events of one command.
    order: u64,
    step: Step,
    /// Bytes that have arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Bytes that will arrive, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// The manifest's id, once it is installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

/// A step of an installation.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// The file arrives with the request.
    Receiving,
    /// The file is fetched.
    Downloading,
    /// The file is here: it is checked, compiled and started.
    Checking,
    /// It runs, or waits for approval.
    Done,
    /// Nothing changed. The response to the command says why.
    Failed,
}

impl Progress {
    pub(super) fn new(state: &AppState, user: i64) -> Self {
        Self {
            state: state.clone(),
            user,
            order: state.events.number(),
            told: Instant::now(),
            over: false,
        }
    }

    /// Tells of a step.
    pub(super) fn step(&mut self, step: Step) {
        self.tell(step, None, None, None);
    }

    /// Tells how much has arrived, now and then.
    pub(super) fn arrived(&mut self, step: Step, bytes: u64, total: Option<u64>) {
        if self.told.elapsed() >= PACE {
            self.told = Instant::now();
            self.tell(step, Some(bytes), total, None);
        }
    }

    /// Tells that it is installed.
    pub(super) fn done(mut self, id: &str) {
        self.over = true;
        self.tell(Step::Done, None, None, Some(id));
    }

    fn tell(&self, step: Step, bytes: Option<u64>, total: Option<u64>, id: Option<&str>) {
        let installation = Installation {
            order: self.order,
            step,
            bytes,
            total,
            id,
        };
        let event = Event::admin("install", &installation);
        self.state.events.to_user(self.user, &event);
    }
}

/// Whatever ends it before it is done.
impl Drop for Progress {
    fn drop(&mut self) {
        if !self.over {
            self.tell(Step::Failed, None, None, None);
        }
    }
}
