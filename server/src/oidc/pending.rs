//! Logins that began and have not come back from the provider.

use std::collections::{HashMap, VecDeque};

use parking_lot::{Mutex, MutexGuard};

/// The time for a login at the provider, in milliseconds.
const PATIENCE_MS: i64 = 10 * 60 * 1000;
/// The most logins under way; a further one ends the oldest.
const MOST: usize = 10_000;

/// The effect of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A browser's session.
    Session {
        /// The name of the client.
        name: String,
    },
    /// The elevation of a client.
    Elevation {
        /// The user, who has to log in again.
        user: i64,
        /// The client.
        client: i64,
        /// The time of the elevation, in milliseconds.
        for_ms: i64,
    },
    /// The token of a client of an app, which proves with its own verifier that it
    /// began the login.
    App {
        /// The name of the client.
        name: String,
        /// The hash of the verifier, as PKCE writes it.
        challenge: String,
    },
}

/// A login under way.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) purpose: Purpose,
    /// The address to which the provider sends the code.
    pub(crate) redirect: String,
    /// The value that the ID token has to repeat.
    pub(crate) nonce: String,
    /// The secret of PKCE; none if the app has it.
    pub(crate) verifier: Option<String>,
    began_ms: i64,
}

impl Pending {
    pub(super) const fn new(
        purpose: Purpose,
        redirect: String,
        nonce: String,
        verifier: Option<String>,
        began_ms: i64,
    ) -> Self {
        Self {
            purpose,
            redirect,
            nonce,
            verifier,
            began_ms,
        }
    }
}

/// The logins under way, by their states.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    by_state: HashMap<String, Pending>,
    /// The states, oldest first; some are gone already.
    order: VecDeque<String>,
}

impl Logins {
    pub(super) fn add(&self, state: String, login: Pending) {
        let mut all = self.all();
        let now_ms = login.began_ms;
        while let Some(oldest) = all.order.front().cloned() {
            let kept = all.by_state.get(&oldest);
            let over = kept.is_none_or(|login| is_over(login, now_ms));
            if !over && all.by_state.len() < MOST {
                break;
            }
            all.by_state.remove(&oldest);
            all.order.pop_front();
        }
        all.order.push_back(state.clone());
        all.by_state.insert(state, login);
    }

    /// Takes a login out: each comes back once.
    pub(super) fn take(&self, state: &str, now_ms: i64) -> Option<Pending> {
        let login = self.all().by_state.remove(state)?;
        (!is_over(&login, now_ms)).then_some(login)
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock()
    }
}

const fn is_over(login: &Pending, now_ms: i64) -> bool {
    now_ms.saturating_sub(login.began_ms) > PATIENCE_MS
}

#[cfg(test)]
mod tests {
    use super::{Logins, MOST, PATIENCE_MS, Pending, Purpose};

    fn login(began_ms: i64) -> Pending {
        let name = "phone".to_owned();
        let redirect = "https://push.example/auth/oidc/callback".to_owned();
        Pending::new(
            Purpose::Session { name },
            redirect,
            String::new(),
            None,
            began_ms,
        )
    }

    #[test]
    fn a_login_comes_back_once_and_in_time() {
        let logins = Logins::default();
        logins.add("a".to_owned(), login(0));
        assert!(logins.take("b", 0).is_none());
        assert!(logins.take("a", PATIENCE_MS).is_some());
        assert!(logins.take("a", 0).is_none());
        logins.add("c".to_owned(), login(0));
        assert!(logins.take("c", PATIENCE_MS + 1).is_none());
    }

    #[test]
    fn logins_that_never_come_back_are_bounded() {
        let logins = Logins::default();
        for number in 0..MOST + 10 {
            logins.add(number.to_string(), login(0));
        }
        assert_eq!(logins.all().by_state.len(), MOST);
        assert!(logins.take("9", 0).is_none());
        assert!(logins.take("10", 0).is_some());
        // Those that are over make room first.
        logins.add("late".to_owned(), login(PATIENCE_MS + 1));
        assert_eq!(logins.all().order.len(), 1);
    }
}
