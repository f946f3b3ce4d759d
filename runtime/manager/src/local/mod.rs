//! A ready-made catalogue for programs without a database: in memory, or in one
//! JSON file that is replaced as a whole at each change.

mod records;

use std::{
    collections::HashMap,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use mortise_runtime::grants::UserGrants;
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::records::{Record, State};
use crate::{
    embedder::{
        AuditEntry, Catalogue, DeadLetter, DepartedPlugin, EmbedderError, FilterPlace, GrantRecord,
        InstalledPlugin, Selection, StorageFull, StoredTimer, TooManyTimers, UserPlugin,
    },
    time::now_ms,
};

/// The most dead letters of a user's plugin.
const DEAD_LETTERS: usize = 1000;

/// A catalogue in memory, or in one JSON file. For few plugins and users: each
/// change writes the whole file.
#[derive(Debug, Default)]
pub struct LocalCatalogue {
    state: Arc<Mutex<State>>,
    file: Option<PathBuf>,
}

/// The reason for which a catalogue's file does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// It cannot be read.
    #[error("the catalogue {} cannot be read: {source}; check its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is not a catalogue.
    #[error("the catalogue {} cannot be parsed: {source}; restore it, or remove it to start anew", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
}

impl LocalCatalogue {
    /// Creates an empty catalogue in memory.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Opens a catalogue in a file, which the first change creates. One program at a
    /// time may use a file.
    ///
    /// # Errors
    ///
    /// [`LocalError`].
    pub fn open(file: &Path) -> Result<Self, LocalError> {
        let state = match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| LocalError::Parse {
                path: file.to_owned(),
                source,
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(source) => {
                return Err(LocalError::Read {
                    path: file.to_owned(),
                    source,
                });
            }
        };
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            file: Some(file.to_owned()),
        })
    }

    /// Removes the plugins of a deleted user, and their data.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub async fn remove_user(&self, user_id: i64) -> Result<(), EmbedderError> {
        self.change(|state| {
            let stays = |_: &i64, record: &mut Record| record.plugin.user_id != user_id;
            state.user_plugins.retain(stays);
        })
        .await
    }

    /// Makes a change. It is in the file before it is in memory, and happens as a
    /// whole even if the caller stops waiting.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut State) -> T + Send,
    ) -> Result<T, EmbedderError> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        let mut next = state.clone();
        let result = change(&mut next);
        if next == *state {
            return Ok(result);
        }
        let Some(file) = self.file.clone() else {
            *state = next;
            return Ok(result);
        };
        tokio::task::spawn_blocking(move || replace(&file, state, next))
            .await
            .map_err(EmbedderError::new)?
            .map_err(EmbedderError::new)?;
        Ok(result)
    }

    /// Changes a user's plugin, if it exists.
    async fn change_plugin(
        &self,
        id: i64,
        change: impl FnOnce(&mut Record) + Send,
    ) -> Result<(), EmbedderError> {
        self.change(|state| {
            if let Some(record) = state.user_plugins.get_mut(&id) {
                change(record);
            }
        })
        .await
    }

    /// Changes a user's plugin, which must exist.
    async fn change_existing<T: Send + 'static>(
        &self,
        id: i64,
        change: impl FnOnce(&mut Record) -> T + Send,
    ) -> Result<T, EmbedderError> {
        self.change(|state| state.user_plugins.get_mut(&id).map(change))
            .await?
            .ok_or_else(|| EmbedderError::new("the user's plugin does not exist"))
    }

    /// Reads a user's plugin; the default if it does not exist.
    async fn read_plugin<T: Default>(&self, id: i64, read: impl FnOnce(&Record) -> T + Send) -> T {
        let state = self.state.lock().await;
        state.user_plugins.get(&id).map_or_else(T::default, read)
    }
}

/// Replaces the file, and then the state in memory.
fn replace(file: &Path, mut state: OwnedMutexGuard<State>, next: State) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(&serde_json::to_vec(&next)?)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    *state = next;
    Ok(())
}

#[async_trait]
impl Catalogue for LocalCatalogue {
    async fn installed(&self) -> Result<Vec<InstalledPlugin>, EmbedderError> {
        let state = self.state.lock().await;
        Ok(state.installed.values().cloned().collect())
    }

    async fn set_installed(&self, plugin: &InstalledPlugin) -> Result<(), EmbedderError> {
        let (id, plugin) = (plugin.id().to_owned(), plugin.clone());
        self.change(|state| drop(state.installed.insert(id, plugin)))
            .await
    }

    async fn remove_installed(&self, plugin: &str) -> Result<(), EmbedderError> {
        self.change(|state| drop(state.installed.remove(plugin)))
            .await
    }

    async fn grant_records(&self) -> Result<HashMap<String, GrantRecord>, EmbedderError> {
        let state = self.state.lock().await;
        Ok(state.grants.clone().into_iter().collect())
    }

    async fn grant_record(&self, plugin: &str) -> Result<Option<GrantRecord>, EmbedderError> {
        Ok(self.state.lock().await.grants.get(plugin).cloned())
    }

    async fn set_grant_record(
        &self,
        plugin: &str,
        record: &GrantRecord,
    ) -> Result<(), EmbedderError> {
        let (id, record) = (plugin.to_owned(), record.clone());
        self.change(|state| drop(state.grants.insert(id, record)))
            .await
    }

    async fn remove_grant_record(&self, plugin: &str) -> Result<(), EmbedderError> {
        self.change(|state| drop(state.grants.remove(plugin))).await
    }

    async fn departed(&self, plugin: &str) -> Result<Option<DepartedPlugin>, EmbedderError> {
        Ok(self.state.lock().await.departed.get(plugin).cloned())
    }

    async fn set_departed(
        &self,
        plugin: &str,
        departed: &DepartedPlugin,
    ) -> Result<(), EmbedderError> {
        let (id, departed) = (plugin.to_owned(), departed.clone());
        self.change(|state| drop(state.departed.insert(id, departed)))
            .await
    }

    async fn remove_departed(&self, plugin: &str) -> Result<(), EmbedderError> {
        self.change(|state| drop(state.departed.remove(plugin)))
            .await
    }

    /// Writes the entry to the program's log.
    async fn audit(&self, entry: AuditEntry<'_>) -> Result<(), EmbedderError> {
        tracing::info!(
            actor = entry.actor,
            user = entry.user.map(|(_, name)| name),
            plugin = entry.plugin,
            details = entry.details,
            "{}",
            entry.action
        );
        Ok(())
    }

    async fn add_user_plugins(&self, users: &[i64], plugins: &[&str]) -> Result<(), EmbedderError> {
        let mut tokens = Vec::new();
        for _ in 0..users.len().saturating_mul(plugins.len()) {
            let mut token = [0; 16];
            getrandom::fill(&mut token).map_err(EmbedderError::new)?;
            tokens.push(hex::encode(token));
        }
        self.change(|state| {
            let mut tokens = tokens.into_iter();
            for user_id in users {
                for (plugin, token) in plugins.iter().zip(&mut tokens) {
                    state.add(*user_id, plugin, token, now_ms());
                }
            }
        })
        .await
    }

    async fn user_plugins(
        &self,
        selection: Selection<'_>,
    ) -> Result<Vec<UserPlugin>, EmbedderError> {
        let selected = |plugin: &&UserPlugin| match selection {
            Selection::Enabled => plugin.enabled,
            Selection::OfPlugin(id) => plugin.plugin == id,
            Selection::OfUser(user_id) => plugin.user_id == user_id,
        };
        let state = self.state.lock().await;
        let all = state.user_plugins.values().map(|record| &record.plugin);
        Ok(all.filter(selected).cloned().collect())
    }

    async fn user_plugin(&self, id: i64) -> Result<Option<UserPlugin>, EmbedderError> {
        Ok(self
            .read_plugin(id, |record| Some(record.plugin.clone()))
            .await)
    }

    async fn user_plugin_by_token(&self, token: &str) -> Result<Option<UserPlugin>, EmbedderError> {
        let state = self.state.lock().await;
        let mut all = state.user_plugins.values().map(|record| &record.plugin);
        Ok(all.find(|plugin| plugin.token == token).cloned())
    }

    async fn enable(
        &self,
        id: i64,
        consent: &UserGrants,
        cursor: i64,
    ) -> Result<(), EmbedderError> {
        self.change_existing(id, |Record { plugin, .. }| {
            plugin.enabled = true;
            plugin.consent = Some(consent.clone());
            plugin.cursor = cursor;
            plugin.last_error = None;
        })
        .await
    }

    async fn disable(&self, id: i64, error: Option<&str>) -> Result<(), EmbedderError> {
        self.change_plugin(id, |Record { plugin, .. }| {
            plugin.enabled = false;
            plugin.last_error = error.map(str::to_owned);
        })
        .await
    }

    async fn set_consent(&self, id: i64, consent: &UserGrants) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| {
            record.plugin.consent = Some(consent.clone());
        })
        .await
    }

    async fn forget_consents(&self, plugin: &str) -> Result<(), EmbedderError> {
        self.change(|state| {
            let all = state.user_plugins.values_mut();
            for record in all.filter(|record| record.plugin.plugin == plugin) {
                record.plugin.enabled = false;
                record.plugin.consent = None;
            }
        })
        .await
    }

    async fn set_config(&self, id: i64, config: &str) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| {
            record.plugin.config = Some(config.to_owned());
        })
        .await
    }

    async fn place_filters(&self, places: &[FilterPlace]) -> Result<(), EmbedderError> {
        self.change(|state| {
            for place in places {
                if let Some(record) = state.user_plugins.get_mut(&place.id) {
                    record.plugin.filter_order = place.order;
                    record.plugin.fail_closed = place.fail_closed;
                }
            }
        })
        .await
    }

    async fn set_filter_applications(
        &self,
        id: i64,
        applications: Option<&[u64]>,
    ) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| {
            record.plugin.filter_applications = applications.map(<[u64]>::to_vec);
        })
        .await
    }

    async fn set_cursor(&self, id: i64, cursor: i64) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| record.plugin.cursor = cursor)
            .await
    }

    async fn add_dead_letter(&self, id: i64, letter: &DeadLetter) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| {
            record.plugin.cursor = letter.message;
            record.dead_letters.insert(letter.message, letter.clone());
            while record.dead_letters.len() > DEAD_LETTERS {
                record.dead_letters.pop_first();
            }
        })
        .await
    }

    async fn dead_letters(&self, id: i64) -> Result<Vec<DeadLetter>, EmbedderError> {
        Ok(self
            .read_plugin(id, |record| {
                record.dead_letters.values().rev().cloned().collect()
            })
            .await)
    }

    async fn has_dead_letter(&self, id: i64, message: i64) -> Result<bool, EmbedderError> {
        Ok(self
            .read_plugin(id, |record| record.dead_letters.contains_key(&message))
            .await)
    }

    async fn note_dead_letter(
        &self,
        id: i64,
        message: i64,
        error: &str,
    ) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| {
            if let Some(letter) = record.dead_letters.get_mut(&message) {
                letter.attempts = letter.attempts.saturating_add(1);
                letter.error = error.to_owned();
            }
        })
        .await
    }

    async fn remove_dead_letter(&self, id: i64, message: i64) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| drop(record.dead_letters.remove(&message)))
            .await
    }

    async fn value(&self, id: i64, key: &str) -> Result<Option<Vec<u8>>, EmbedderError> {
        Ok(self
            .read_plugin(id, |record| {
                record.values.get(key).map(|value| value.0.clone())
            })
            .await)
    }

    async fn set_value(
        &self,
        id: i64,
        key: &str,
        value: &[u8],
        quota: i64,
    ) -> Result<Result<(), StorageFull>, EmbedderError> {
        self.change_existing(id, |record| record.set_value(key, value, quota))
            .await
    }

    async fn remove_value(&self, id: i64, key: &str) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| drop(record.values.remove(key)))
            .await
    }

    async fn keys(&self, id: i64, prefix: &str) -> Result<Vec<String>, EmbedderError> {
        Ok(self
            .read_plugin(id, |record| {
                let keys = record.values.keys();
                keys.filter(|key| key.starts_with(prefix))
                    .cloned()
                    .collect()
            })
            .await)
    }

    async fn storage_bytes(&self, id: i64) -> Result<u64, EmbedderError> {
        let bytes = self.read_plugin(id, Record::storage_bytes).await;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    async fn set_timer(
        &self,
        timer: &StoredTimer,
        most: u32,
    ) -> Result<Result<(), TooManyTimers>, EmbedderError> {
        self.change_existing(timer.id, |record| record.set_timer(timer, most))
            .await
    }

    async fn cancel_timer(&self, id: i64, name: &str) -> Result<(), EmbedderError> {
        self.change_plugin(id, |record| drop(record.timers.remove(name)))
            .await
    }

    async fn next_timers(
        &self,
        ids: &[i64],
        limit: u32,
    ) -> Result<Vec<StoredTimer>, EmbedderError> {
        let state = self.state.lock().await;
        let records = ids.iter().filter_map(|id| state.user_plugins.get(id));
        let mut timers: Vec<_> = records
            .flat_map(|record| record.timers.values())
            .cloned()
            .collect();
        timers.sort_by_key(|timer| timer.next_ms);
        timers.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(timers)
    }

    async fn advance_timer(
        &self,
        timer: &StoredTimer,
        next_ms: Option<i64>,
    ) -> Result<bool, EmbedderError> {
        self.change(|state| match state.user_plugins.get_mut(&timer.id) {
            Some(record) => record.advance_timer(timer, next_ms),
            None => false,
        })
        .await
    }
}
