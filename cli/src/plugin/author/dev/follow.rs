//! A plugin's log and denials, as they happen.

use std::{collections::HashMap, time::Duration};

use tokio::sync::watch;

use super::event::{Audience, Event};
use crate::plugin::{
    asked::Denied,
    read::Tail,
    remote::{Refusal, Remote, encoded},
};
use mortise_server::time::now_ms;

/// The interval between checks.
const LOOK: Duration = Duration::from_millis(250);

/// The server to follow, and the texts to show.
pub(super) struct Follower {
    pub(super) remote: Remote,
    /// The fix for a denial.
    pub(super) about_denial: &'static str,
}

/// Looks at one plugin after the other, as they are loaded.
pub(super) struct Follow {
    follower: Follower,
    audience: Audience,
    /// The first entry to show: earlier ones are old on a server that ran
    /// before.
    since: u64,
    of: String,
    tail: Tail,
    /// The number of times that each denial was reported.
    refused: Option<HashMap<[String; 3], u64>>,
    /// That the server does not answer was said.
    lost: bool,
}

impl Follow {
    pub(super) fn new(follower: Follower, audience: Audience, from_the_beginning: bool) -> Self {
        let now = u64::try_from(now_ms()).unwrap_or_default();
        Self {
            follower,
            audience,
            since: if from_the_beginning { 0 } else { now },
            of: String::new(),
            tail: Tail::default(),
            refused: None,
            lost: false,
        }
    }

    /// Looks at the plugin that was loaded last, and never ends by itself.
    pub(super) async fn run(
        mut self,
        mut loaded: watch::Receiver<Option<String>>,
    ) -> anyhow::Result<()> {
        loop {
            let id = loaded.borrow_and_update().clone();
            if let Some(id) = id {
                self.turn_to(id);
                match self.look().await {
                    Ok(()) => self.lost = false,
                    // It is not installed at this moment.
                    Err(error) if error.is::<Refusal>() => {}
                    Err(error) => self.say_lost(&error),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                changed = loaded.changed() => changed?,
            }
        }
    }

    fn turn_to(&mut self, id: String) {
        if self.of != id {
            self.tail = Tail::from(self.since);
            self.refused = (self.since == 0).then(HashMap::new);
            self.of = id;
        }
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let remote = &self.follower.remote;
        for (value, entry) in self.tail.next(remote, &self.of).await? {
            self.audience.tell(&Event::Log { value, entry });
        }
        let path = format!("/admin/plugins/{}/denials", encoded(&self.of));
        let denials: Vec<Denied> = remote.get(&path).await?;
        let before = self.refused.take();
        let mut now = HashMap::new();
        for denied in denials {
            let key = [&denied.user, &denied.permission, &denied.what].map(String::clone);
            now.insert(key.clone(), denied.count);
            let known = before.as_ref().map(|before| before.get(&key));
            // On a server that ran before, what there was at first is old.
            if known.is_some_and(|count| count != Some(&denied.count)) {
                let fix = self.follower.about_denial.to_owned();
                self.audience.tell(&Event::Denied { denied, fix });
            }
        }
        self.refused = Some(now);
        Ok(())
    }

    fn say_lost(&mut self, error: &anyhow::Error) {
        if !std::mem::replace(&mut self.lost, true) {
            self.audience.tell(&Event::Lost {
                error: format!("{error:#}"),
            });
        }
    }
}
