//! Feeding listeners: a task per enabled instance that reads on from its
//! cursor, in batches, in order, at least once.
//!
//! The cursor is stored after a batch was taken, so a crash or a restart gives
//! at most that batch again. A batch that fails is given again after a growing
//! pause; one that keeps failing is halved until the message at fault is alone,
//! and that one becomes a dead letter, which its user sees, so that those behind it
//! go on.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use mortise_runtime::{
    CallError,
    grants::Applications,
    limits::BATCH,
    log::Source,
    trace,
    types::{Interests, Level, Message},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    Plugins, Slot,
    embedder::{DeadLetter, EmbedderError, Readable, UserMessage},
    settings::Retry,
    trace::Subject,
};

/// Ids passed over in memory before the cursor is stored: messages that an
/// instance may not read cost it no write each.
const UNSAVED: i64 = 1000;

/// The size of the next batch, after the results so far.
#[derive(Debug)]
struct Pace {
    retry: Retry,
    size: usize,
    failures: u32,
}

/// The next step after a failed batch.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    /// Give again, at the size now set, after this pause.
    Again(Duration),
    /// The one message is at fault.
    DeadLetter,
}

impl Pace {
    fn new(retry: Retry) -> Self {
        Self {
            retry,
            size: BATCH,
            failures: 0,
        }
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        self.size = (self.size * 2).min(BATCH);
    }

    /// Records a failed batch of `given` messages. A failure that the messages
    /// did not cause does not count against them.
    fn failed(&mut self, given: usize, error: &CallError) -> Then {
        let pause = self.pause();
        match error {
            CallError::BackingOff { retry_in, .. } => return Then::Again(pause.max(*retry_in)),
            CallError::Unavailable(_)
            | CallError::Busy { .. }
            | CallError::TooMany { .. }
            | CallError::TakenBack { .. }
            | CallError::Denied { .. }
            | CallError::Stopped => {
                return Then::Again(pause);
            }
            _ => {}
        }
        self.failures += 1;
        if self.failures < self.retry.attempts {
            return Then::Again(pause);
        }
        if given > 1 {
            self.size = given / 2;
            // A half has to fail once only to be halved again; the message that
            // is left alone has all its attempts.
            self.failures = match self.size {
                1 => 0,
                _ => self.retry.attempts.saturating_sub(1),
            };
            return Then::Again(self.retry.first);
        }
        self.failures = 0;
        Then::DeadLetter
    }

    /// Doubles with each failure; half of it is chance, so that listeners that
    /// failed together do not come back together.
    fn pause(&self) -> Duration {
        let doubled = self
            .retry
            .first
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(self.retry.most);
        let chance = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
        doubled.mul_f64(0.5 + chance / 2.0)
    }
}

/// The messages that a listener receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    applications: Applications,
    min_priority: Option<i32>,
}

impl Wanted {
    /// Those that it may read and wants.
    pub(super) fn new(readable: &Applications, listens: Option<&Interests>) -> Self {
        let Some(interests) = listens else {
            return Self {
                applications: readable.clone(),
                min_priority: None,
            };
        };
        let wanted = match &*interests.applications {
            [] => Applications::All,
            names => names.iter().cloned().collect::<BTreeSet<_>>().into(),
        };
        Self {
            applications: readable.and(&wanted),
            min_priority: interests.min_priority,
        }
    }
}

/// Passes messages to one listener until asked to stop. Open calls are never
/// cut short.
pub(super) async fn feed(
    plugins: Arc<Plugins>,
    slot: Arc<Slot>,
    wanted: Wanted,
    cursor: i64,
    stop: CancellationToken,
) {
    let mut feed = Feed {
        pace: Pace::new(plugins.settings.retry),
        saved: cursor,
        cursor,
        plugins,
        slot,
        wanted,
    };
    while !stop.is_cancelled() {
        let pause = feed.step().await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = feed.slot.wake.notified(), if pause.is_none() => {}
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
        }
    }
    if feed.cursor > feed.saved {
        feed.save().await;
    }
}

struct Feed {
    plugins: Arc<Plugins>,
    slot: Arc<Slot>,
    wanted: Wanted,
    pace: Pace,
    cursor: i64,
    saved: i64,
}

impl Feed {
    /// Gives one batch. How long to wait before the next; none: until there is
    /// a new message.
    async fn step(&mut self) -> Option<Duration> {
        let (batch, newest) = match self.read().await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "a listener's messages could not be read");
                return Some(self.plugins.settings.retry.most);
            }
        };
        let Some(last) = batch.last() else {
            self.cursor = self.cursor.max(newest);
            if self.cursor - self.saved > UNSAVED {
                self.save().await;
            }
            return None;
        };
        let last = i64::try_from(last.message.id).unwrap_or(i64::MAX);
        // An answer to all of them: one from outside begins anew.
        let hops = batch.iter().map(|given| given.hops).min().unwrap_or(0);
        let batch: Vec<Message> = batch.into_iter().map(|given| given.message).collect();
        let first = batch.first().map(|message| message.id);
        let span = tracing::info_span!(
            target: trace::TARGET,
            "listener",
            message.id = first,
            messages = batch.len(),
        );
        let subject = Subject::messages(&batch);
        let call = self.plugins.with_trace(&self.slot, subject, async {
            let instance = self.plugins.instance(&self.slot).await?;
            let _heard = self.slot.hops.give(hops);
            instance.on_messages(&batch).instrument(span).await
        });
        let result = call.await;
        let Err(error) = result else {
            self.pace.succeeded();
            self.cursor = last;
            self.save().await;
            return Some(Duration::ZERO);
        };
        self.slot.note(&error);
        match self.pace.failed(batch.len(), &error) {
            Then::Again(pause) => Some(pause),
            Then::DeadLetter => match self.give_up(last, &error).await {
                Ok(()) => Some(Duration::ZERO),
                // Else the message would be neither delivered nor a dead letter.
                Err(error) => {
                    tracing::error!(%error, "a dead letter was not stored");
                    Some(self.plugins.settings.retry.most)
                }
            },
        }
    }

    /// The next batch, and the newest id before which there is nothing else to
    /// give if the batch is empty.
    async fn read(&self) -> Result<(Vec<UserMessage>, i64), EmbedderError> {
        let users = &self.plugins.users;
        // Requested first, so that messages stored in between are seen the next
        // time.
        let newest = users.newest_message(self.slot.user_id()).await?;
        if newest <= self.cursor {
            return Ok((Vec::new(), newest));
        }
        let readable = Readable {
            instance: self.slot.id,
            user_id: self.slot.user_id(),
            applications: &self.wanted.applications,
            min_priority: self.wanted.min_priority,
        };
        let size = u32::try_from(self.pace.size).unwrap_or(1);
        let batch = users.messages_after(readable, self.cursor, size).await?;
        Ok((batch, newest))
    }

    async fn save(&mut self) {
        match self
            .plugins
            .catalogue
            .set_cursor(self.slot.id, self.cursor)
            .await
        {
            Ok(()) => self.saved = self.cursor,
            // The messages were given; after a restart they are given again.
            Err(error) => tracing::error!(%error, "a listener's cursor was not stored"),
        }
    }

    /// Makes a message a dead letter, and goes on after it.
    async fn give_up(&mut self, message: i64, error: &CallError) -> Result<(), EmbedderError> {
        let letter = DeadLetter {
            message,
            attempts: self.pace.retry.attempts,
            error: error.to_string(),
        };
        self.plugins
            .catalogue
            .add_dead_letter(self.slot.id, &letter)
            .await?;
        self.cursor = message;
        self.saved = message;
        let text = format!(
            "message {message} is a dead letter after {} attempts; those behind it go on. \
             The last attempt: {error}",
            letter.attempts
        );
        self.slot.log.write(Level::Error, Source::Host, &text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use mortise_runtime::{CallError, grants::Applications, types::Interests};

    use super::{Pace, Retry, Then, Wanted};

    const RETRY: Retry = Retry {
        first: Duration::from_millis(100),
        most: Duration::from_secs(1),
        attempts: 3,
    };

    /// Passes messages `0..count`, of which those in `poison` always fail.
    /// Returns the delivered messages, the dead letters, and the number of
    /// calls.
    fn run(count: usize, poison: &[usize]) -> (Vec<usize>, Vec<usize>, usize) {
        let error = CallError::Refused("no".to_owned());
        let mut pace = Pace::new(RETRY);
        let (mut taken, mut aside, mut calls) = (Vec::new(), Vec::new(), 0);
        let mut cursor = 0;
        while cursor < count {
            calls += 1;
            let batch: Vec<usize> = (cursor..count.min(cursor + pace.size)).collect();
            if batch.iter().any(|message| poison.contains(message)) {
                if pace.failed(batch.len(), &error) == Then::DeadLetter {
                    assert_eq!(batch.len(), 1);
                    aside.push(cursor);
                    cursor += 1;
                }
            } else {
                pace.succeeded();
                cursor += batch.len();
                taken.extend(batch);
            }
        }
        (taken, aside, calls)
    }

    #[test]
    fn only_the_messages_at_fault_become_dead_letters() {
        for poison in [&[][..], &[0], &[63], &[64], &[31, 32], &[0, 1, 2, 149]] {
            let (taken, aside, _) = run(150, poison);
            assert_eq!(aside, poison);
            let expected: Vec<usize> = (0..150)
                .filter(|message| !poison.contains(message))
                .collect();
            assert_eq!(taken, expected, "each once, in order");
        }
    }

    #[test]
    fn a_listener_receives_what_it_may_read_and_wants() {
        let named = |names: &[&str]| -> Applications {
            let names: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
            names.into()
        };
        let interests = |applications: &[&str]| Interests {
            applications: applications.iter().map(ToString::to_string).collect(),
            min_priority: Some(5),
        };
        for (readable, wanted, expected) in [
            (Applications::All, &[][..], Applications::All),
            (Applications::All, &["door"], named(&["door"])),
            (named(&["door", "nas"]), &[], named(&["door", "nas"])),
            (named(&["door", "nas"]), &["nas", "oven"], named(&["nas"])),
            (named(&["door"]), &["oven"], Applications::Own),
            (Applications::Own, &["door"], Applications::Own),
        ] {
            let found = Wanted::new(&readable, Some(&interests(wanted)));
            assert_eq!(found.applications, expected, "{readable:?} {wanted:?}");
            assert_eq!(found.min_priority, Some(5));
            let all = Wanted::new(&readable, None);
            assert_eq!((all.applications, all.min_priority), (readable, None));
        }
    }

    #[test]
    fn what_works_is_given_in_large_batches() {
        assert_eq!(run(640, &[]).2, 10);
    }

    #[test]
    fn what_is_no_fault_of_a_message_never_sets_it_aside() {
        let mut pace = Pace::new(RETRY);
        for _ in 0..100 {
            let error = CallError::Unavailable("no room".to_owned());
            assert_ne!(pace.failed(1, &error), Then::DeadLetter);
        }
        let error = CallError::BackingOff {
            retry_in: Duration::from_secs(60),
            last: String::new(),
        };
        assert_eq!(pace.failed(1, &error), Then::Again(Duration::from_secs(60)));
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let mut pace = Pace::new(Retry {
            attempts: u32::MAX,
            ..RETRY
        });
        for expected in [100, 200, 400, 800, 1000, 1000] {
            let pause = pace.pause();
            assert!(pause <= Duration::from_millis(expected), "{pause:?}");
            assert!(pause >= Duration::from_millis(expected / 2), "{pause:?}");
            pace.failures += 1;
        }
        pace.failures = 1000;
        assert!(pace.pause() <= Duration::from_secs(1));
    }
}
