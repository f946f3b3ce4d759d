//! Files that did not load for lack of something that the host may have later: time,
//! memory, descriptors, a disk. They are tried again with growing pauses.
//!
//! A file whose plugin was installed before is tried until it loads. Another may be a
//! program that is no plugin, which must not be run for ever: it has a few tries.
//! Every other failure is final until the file changes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use mortise_runtime::{Step, registry::Identity};
use tokio::time::Instant;

use super::installed::Installed;

/// The pause before the first try; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(300);
/// The tries of a file that was never a plugin here.
const TRIES: u32 = 5;

/// A file whose content does not run.
#[derive(Clone, Debug)]
pub(super) struct Unloaded {
    pub(super) file: PathBuf,
    /// The file as it was when it failed.
    pub(super) identity: Identity,
    pub(super) step: Step,
    /// True if its plugin was installed before, and nothing of it runs.
    pub(super) is_missing: bool,
}

impl Unloaded {
    fn may_load_later(&self) -> bool {
        self.step.may_succeed_later() || (self.is_missing && self.step == Step::Start)
    }
}

/// The files that are tried again.
#[derive(Debug, Default)]
pub(super) struct Again(BTreeMap<PathBuf, Try>);

#[derive(Debug)]
struct Try {
    identity: Identity,
    /// Tries so far, the first one included.
    tries: u32,
    /// The time of the next one; none while it is made.
    due: Option<Instant>,
}

impl Again {
    /// Plans the next try of each file that failed, and forgets the others.
    pub(super) fn plan(&mut self, installed: &Installed) {
        self.plan_for(installed.unloaded(), Instant::now());
    }

    fn plan_for(&mut self, unloaded: Vec<Unloaded>, now: Instant) {
        let mut before = std::mem::take(&mut self.0);
        for one in unloaded.into_iter().filter(Unloaded::may_load_later) {
            let same = before
                .remove(&one.file)
                .filter(|before| before.identity == one.identity);
            let next = match same {
                Some(planned) if planned.due.is_some() => planned,
                tried => {
                    let tries = tried.map_or(0, |tried| tried.tries) + 1;
                    let pause = FIRST.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST);
                    // One that has had its tries stays, so that they are not given anew.
                    let goes_on = one.is_missing || tries <= TRIES;
                    Try {
                        identity: one.identity,
                        tries,
                        due: goes_on.then(|| now + pause),
                    }
                }
            };
            self.0.insert(one.file, next);
        }
    }

    /// Waits until a try is due, for ever if none is planned. Returns its file.
    pub(super) async fn due(&mut self) -> (PathBuf, Identity) {
        let next = self.0.iter_mut().filter_map(|(file, one)| {
            let due = one.due?;
            Some((due, file, one))
        });
        let Some((due, file, one)) = next.min_by_key(|(due, ..)| *due) else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(due).await;
        one.due = None;
        (file.clone(), one.identity)
    }
}

/// Returns true if a file is still as it was.
pub(super) fn is_as_it_was(file: &Path, identity: Identity) -> bool {
    matches!(Identity::read(file), Ok(Some(now)) if now == identity)
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use mortise_runtime::{Step, registry::Identity};
    use tokio::time::{Instant, timeout};

    use super::{Again, LONGEST, TRIES, Unloaded};

    fn unloaded(file: &Path, step: Step, is_missing: bool) -> Vec<Unloaded> {
        vec![Unloaded {
            file: file.to_owned(),
            identity: Identity::read(file).unwrap().unwrap(),
            step,
            is_missing,
        }]
    }

    /// The pauses before the tries of a file that always fails, for so many hours.
    async fn pauses(step: Step, is_missing: bool) -> Vec<Duration> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut again = Again::default();
        let mut pauses = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            again.plan_for(unloaded(file.path(), step, is_missing), begun);
            if timeout(Duration::from_secs(3600), again.due())
                .await
                .is_err()
            {
                break;
            }
            pauses.push(begun.elapsed());
        }
        pauses
    }

    #[tokio::test(start_paused = true)]
    async fn a_plugin_that_was_there_is_tried_until_it_loads() {
        let pauses = pauses(Step::Unstarted, true).await;
        assert_eq!(pauses.len(), 20);
        let seconds: Vec<_> = pauses.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds[..5], [1, 2, 4, 8, 16]);
        assert_eq!(pauses[19], LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_was_never_a_plugin_has_a_few_tries() {
        assert_eq!(pauses(Step::Unstarted, false).await.len(), TRIES as usize);
        for step in [Step::Start, Step::Decode, Step::Link, Step::Approval] {
            assert_eq!(pauses(step, false).await, []);
        }
        assert_eq!(pauses(Step::SignatureWrong, true).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_file_begins_anew_and_a_loaded_one_is_forgotten() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut again = Again::default();
        let begun = Instant::now();
        for _ in 0..3 {
            again.plan_for(unloaded(file.path(), Step::Read, false), Instant::now());
            again.due().await;
        }
        assert_eq!(begun.elapsed().as_secs(), 1 + 2 + 4);
        std::fs::write(file.path(), "another").unwrap();
        let begun = Instant::now();
        again.plan_for(unloaded(file.path(), Step::Read, false), begun);
        again.due().await;
        assert_eq!(begun.elapsed().as_secs(), 1);
        again.plan_for(Vec::new(), Instant::now());
        assert!(again.0.is_empty());
    }
}
