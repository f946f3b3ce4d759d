//! Passwords: hashing, and verification that neither tells which users exist,
//! nor lets a flood of guesses take all processors, nor costs its 20 ms for
//! each request of someone who was verified a moment ago.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::{
    imported,
    turns::{Origin, Turns},
};

/// Hashes that are computed at a time; each takes 19 MiB and a processor.
const PARALLEL: usize = 2;
/// Characters of a name that tell its logins from those with other names.
const NAME: usize = 128;
/// The time for which verified credentials are remembered.
const REMEMBER: Duration = Duration::from_secs(300);
/// The number of remembered credentials.
const REMEMBERED: usize = 1024;

/// An error while hashing or checking a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too many others wait.
    #[error("too many logins at a time; try again in a moment")]
    Busy,
    /// The password cannot be hashed, or the stored value is not a hash.
    #[error("cannot hash a password: {0}")]
    Hash(String),
}

/// Hashes and verifies passwords with Argon2id, and verifies those that came from
/// Gotify with bcrypt.
pub struct Passwords {
    turns: Arc<Turns>,
    /// Keyed hashes of credentials that were verified, with the stored hash
    /// they were verified against: a changed password is not found again.
    verified: Mutex<HashMap<[u8; 32], Verified>>,
    /// Never leaves the process, so that remembered values are useless outside
    /// it.
    key: [u8; 64],
    /// The cost of bcrypt's hashes among the users, 0 if there are none. A wrong
    /// password costs the work of both then, whoever it is tried for.
    bcrypt_cost: AtomicU32,
}

struct Verified {
    password_hash: String,
    at: Instant,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Passwords").finish_non_exhaustive()
    }
}

impl Passwords {
    /// With nothing remembered.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Hash`] if the system has no randomness.
    pub fn new() -> Result<Self, PasswordError> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(|error| PasswordError::Hash(error.to_string()))?;
        Ok(Self {
            turns: Turns::new(PARALLEL),
            verified: Mutex::default(),
            key,
            bcrypt_cost: AtomicU32::new(0),
        })
    }

    /// Prepares for users whose passwords came from Gotify: these are their
    /// hashes.
    pub fn expect_imported<'a>(&self, hashes: impl IntoIterator<Item = &'a str>) {
        let costs = hashes.into_iter().filter_map(imported::bcrypt_cost);
        let most = costs.filter(|cost| *cost <= imported::MOST_COST).max();
        self.bcrypt_cost
            .fetch_max(most.unwrap_or(0), Ordering::Relaxed);
    }

    /// The hash to store of a password.
    ///
    /// # Errors
    ///
    /// [`PasswordError`].
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = password.to_owned();
        let nobody = Origin {
            address: None,
            name: String::new(),
        };
        self.compute(&nobody, move || hash(&password)).await
    }

    /// Returns true if the password matches the stored hash. For `None`, a user
    /// who does not exist, does the same work and returns false. Logins from
    /// other addresses, and with other names, delay it only by their share.
    ///
    /// # Errors
    ///
    /// [`PasswordError`].
    pub async fn verify(
        &self,
        address: Option<IpAddr>,
        name: &str,
        password: &str,
        stored: Option<&str>,
    ) -> Result<bool, PasswordError> {
        let credentials = self.keyed(name, password);
        if let Some(stored) = stored
            && self.remembers(&credentials, stored)
        {
            return Ok(true);
        }
        let (against, password) = (stored.map(str::to_owned), password.to_owned());
        self.expect_imported(stored);
        let bcrypt_cost = self.bcrypt_cost.load(Ordering::Relaxed);
        let origin = Origin {
            address,
            name: name.chars().take(NAME).collect(),
        };
        let matches = self
            .compute(&origin, move || {
                matches(&password, against.as_deref(), bcrypt_cost)
            })
            .await?;
        match stored {
            Some(stored) if matches => {
                self.remember(credentials, stored);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn compute<T: Send + 'static>(
        &self,
        origin: &Origin,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = self.turns.take(origin).await.ok_or(PasswordError::Busy)?;
        tokio::task::spawn_blocking(move || {
            // Held to the end even if the caller has gone.
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| PasswordError::Hash(error.to_string()))?
    }

    fn keyed(&self, name: &str, password: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.key)
            .chain_update(name.len().to_le_bytes())
            .chain_update(name)
            .chain_update(password)
            .finalize()
            .into()
    }

    fn remembers(&self, credentials: &[u8; 32], stored: &str) -> bool {
        let verified = self.verified.lock();
        verified
            .get(credentials)
            .is_some_and(|entry| entry.password_hash == stored && entry.at.elapsed() < REMEMBER)
    }

    fn remember(&self, credentials: [u8; 32], stored: &str) {
        let mut verified = self.verified.lock();
        if verified.len() >= REMEMBERED {
            verified.retain(|_, entry| entry.at.elapsed() < REMEMBER);
        }
        if verified.len() < REMEMBERED {
            verified.insert(
                credentials,
                Verified {
                    password_hash: stored.to_owned(),
                    at: Instant::now(),
                },
            );
        }
    }
}

/// Whether a password matches a stored hash. One that does not costs as much work
/// with any hash, and with none.
fn matches(password: &str, stored: Option<&str>, bcrypt_cost: u32) -> Result<bool, PasswordError> {
    let Some(stored) = stored else {
        hash(password)?;
        if bcrypt_cost > 0 {
            imported::bcrypt_work(password, bcrypt_cost);
        }
        return Ok(false);
    };
    if imported::bcrypt_cost(stored).is_some() {
        let matches = imported::bcrypt_matches(password, stored).map_err(PasswordError::Hash)?;
        if !matches {
            hash(password)?;
        }
        return Ok(matches);
    }
    let parsed =
        PasswordHash::new(stored).map_err(|error| PasswordError::Hash(error.to_string()))?;
    let matches = Argon2::default()
        .verify_password(password.as_bytes(), &parsed)
        .is_ok();
    if !matches && bcrypt_cost > 0 {
        imported::bcrypt_work(password, bcrypt_cost);
    }
    Ok(matches)
}

fn hash(password: &str) -> Result<String, PasswordError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{PasswordError, Passwords};

    #[tokio::test]
    async fn only_the_right_password_of_an_existing_user_is_accepted() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("correct").await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        let verify = async |password, stored| {
            passwords
                .verify(None, "ann", password, stored)
                .await
                .unwrap()
        };
        assert!(verify("correct", Some(stored.as_str())).await);
        assert!(!verify("wrong", Some(stored.as_str())).await);
        assert!(!verify("correct", None).await);
    }

    #[tokio::test]
    async fn a_password_that_came_from_gotify_is_accepted() {
        let passwords = Passwords::new().unwrap();
        let stored = bcrypt::hash_with_salt("correct", 4, [7; 16]).unwrap();
        let stored = stored.format_for_version(bcrypt::Version::TwoA);
        let verify = async |password, stored| {
            passwords
                .verify(None, "ann", password, stored)
                .await
                .unwrap()
        };
        assert!(!verify("wrong", Some(stored.as_str())).await);
        assert!(verify("correct", Some(stored.as_str())).await);
        assert!(!verify("correct", None).await);
    }

    #[tokio::test]
    async fn what_is_remembered_ends_with_the_password() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("one").await.unwrap();
        assert!(
            passwords
                .verify(None, "ann", "one", Some(&stored))
                .await
                .unwrap()
        );
        let credentials = passwords.keyed("ann", "one");
        assert!(passwords.remembers(&credentials, &stored));
        assert!(!passwords.remembers(&passwords.keyed("an", "none"), &stored));
        let changed = passwords.hash("two").await.unwrap();
        assert!(!passwords.remembers(&credentials, &changed));
        assert!(
            !passwords
                .verify(None, "ann", "one", Some(&changed))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_flood_of_guesses_is_turned_away_and_others_are_not() {
        const GUESSES: usize = 270;
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("correct").await.unwrap();
        let from = |address: &str| Some(address.parse().unwrap());
        let guesses = (0..GUESSES).map(|n| {
            let (passwords, guess) = (&passwords, n.to_string());
            async move {
                let address = from("192.0.2.1");
                passwords.verify(address, "ann", &guess, None).await
            }
        });
        let guesses = futures_util::future::join_all(guesses);
        // Behind all of them, from elsewhere and from there with another name.
        let right = async {
            tokio::task::yield_now().await;
            let mut answers = Vec::new();
            for address in [from("192.0.2.2"), from("192.0.2.1")] {
                let verified = passwords.verify(address, "bob", "correct", Some(&stored));
                answers.push(verified.await);
            }
            answers
        };
        let (answers, right) = futures_util::future::join(guesses, right).await;
        let busy = answers
            .iter()
            .filter(|answer| matches!(answer, Err(PasswordError::Busy)))
            .count();
        assert_eq!(busy, GUESSES - 258);
        assert!(
            right
                .into_iter()
                .all(|answer| answer.is_ok_and(|matches| matches))
        );
        assert!(answers.into_iter().flatten().all(|accepted| !accepted));
        // And it is over when they are done.
        let after = passwords.verify(None, "nobody", "x", None).await;
        assert!(!after.unwrap());
    }
}
