//! The database as the catalogue of plugins.

use std::collections::HashMap;

use async_trait::async_trait;
use mortise_runtime::grants::UserGrants;
use mortise_store::{
    AnswerRow, DeadLetterRow, DepartedRow, InstalledRow, InstanceRow, NewAudit, NewCallTrace,
    NewInstance, Store, TimerRow,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    auth::{Token, TokenKind},
    plugins::{
        Catalogue, EmbedderError,
        embedder::{
            AuditEntry, DeadLetter, DepartedPlugin, FilterPlace, GrantRecord, InstalledPlugin,
            Selection, StorageFull, StoredTimer, TooManyTimers, UserPlugin,
        },
        trace::{CallTrace, KEPT_CALLS},
    },
};

/// A database as the catalogue of plugins.
#[derive(Debug)]
pub(crate) struct StoreCatalogue(pub(crate) Store);

#[async_trait]
impl Catalogue for StoreCatalogue {
    async fn installed(&self) -> Result<Vec<InstalledPlugin>, EmbedderError> {
        let rows = self
            .0
            .installed_plugins()
            .await
            .map_err(EmbedderError::new)?;
        Ok(rows.into_iter().filter_map(installed).collect())
    }

    async fn set_installed(&self, plugin: &InstalledPlugin) -> Result<(), EmbedderError> {
        let row = InstalledRow {
            id: plugin.id().to_owned(),
            file: plugin.file.clone(),
            identity: plugin.identity.as_ref().map(json),
            version: json(&plugin.version),
            previous: plugin.previous.as_ref().map(json),
            source: plugin.source.as_ref().map(json),
        };
        self.0
            .set_installed_plugin(&row)
            .await
            .map_err(EmbedderError::new)
    }

    async fn remove_installed(&self, plugin: &str) -> Result<(), EmbedderError> {
        self.0
            .remove_installed_plugin(plugin)
            .await
            .map_err(EmbedderError::new)
    }

    async fn grant_records(&self) -> Result<HashMap<String, GrantRecord>, EmbedderError> {
        let rows = self.0.plugin_answers().await.map_err(EmbedderError::new)?;
        let records = rows
            .into_iter()
            .filter_map(|row| Some((row.plugin.clone(), grant_record(row)?)));
        Ok(records.collect())
    }

    async fn grant_record(&self, plugin: &str) -> Result<Option<GrantRecord>, EmbedderError> {
        let row = self
            .0
            .plugin_answer(plugin)
            .await
            .map_err(EmbedderError::new)?;
        Ok(row.and_then(grant_record))
    }

    async fn set_grant_record(
        &self,
        plugin: &str,
        record: &GrantRecord,
    ) -> Result<(), EmbedderError> {
        let row = AnswerRow {
            plugin: plugin.to_owned(),
            asked: json(&record.asked),
            allowed: json(&record.allowed),
            answered_ms: record.answered_ms,
        };
        self.0
            .set_plugin_answer(&row)
            .await
            .map_err(EmbedderError::new)
    }

    async fn remove_grant_record(&self, plugin: &str) -> Result<(), EmbedderError> {
        self.0
            .remove_plugin_answer(plugin)
            .await
            .map_err(EmbedderError::new)
    }

    async fn departed(&self, plugin: &str) -> Result<Option<DepartedPlugin>, EmbedderError> {
        let row = self
            .0
            .departed_plugin(plugin)
            .await
            .map_err(EmbedderError::new)?;
        Ok(row.map(|row| DepartedPlugin {
            key: row.key,
            digest: row.digest,
            departed_ms: row.departed_ms,
        }))
    }

    async fn set_departed(
        &self,
        plugin: &str,
        departed: &DepartedPlugin,
    ) -> Result<(), EmbedderError> {
        let row = DepartedRow {
            key: departed.key.clone(),
            digest: departed.digest.clone(),
            departed_ms: departed.departed_ms,
        };
        self.0
            .add_departed_plugin(plugin, &row)
            .await
            .map_err(EmbedderError::new)
    }

    async fn remove_departed(&self, plugin: &str) -> Result<(), EmbedderError> {
        self.0
            .remove_departed_plugin(plugin)
            .await
            .map_err(EmbedderError::new)
    }

    async fn audit(&self, entry: AuditEntry<'_>) -> Result<(), EmbedderError> {
        let new = NewAudit {
            actor: entry.actor,
            user: entry.user,
            action: entry.action,
            plugin: entry.plugin,
            details: entry.details,
        };
        self.0.add_audit(new).await.map_err(EmbedderError::new)
    }

    async fn add_user_plugins(&self, users: &[i64], plugins: &[&str]) -> Result<(), EmbedderError> {
        let missing = self
            .0
            .missing_plugin_instances(users, plugins)
            .await
            .map_err(EmbedderError::new)?;
        if missing.is_empty() {
            return Ok(());
        }
        let mut new = Vec::with_capacity(missing.len());
        for (user_id, plugin) in missing {
            match Token::generate(TokenKind::Plugin) {
                Ok(token) => new.push(NewInstance {
                    user_id,
                    plugin,
                    token: token.reveal().to_owned(),
                }),
                Err(error) => tracing::error!(%error, "no randomness for a plugin's token"),
            }
        }
        self.0
            .add_plugin_instances(&new)
            .await
            .map_err(EmbedderError::new)
    }

    async fn user_plugins(
        &self,
        selection: Selection<'_>,
    ) -> Result<Vec<UserPlugin>, EmbedderError> {
        let rows = match selection {
            Selection::Enabled => self
                .0
                .enabled_plugin_instances()
                .await
                .map_err(EmbedderError::new)?,
            Selection::OfPlugin(plugin) => self
                .0
                .plugin_instances_of_plugin(plugin)
                .await
                .map_err(EmbedderError::new)?,
            Selection::OfUser(user_id) => self
                .0
                .plugin_instances_of(user_id)
                .await
                .map_err(EmbedderError::new)?,
        };
        Ok(rows.into_iter().map(user_plugin).collect())
    }

    async fn user_plugin(&self, id: i64) -> Result<Option<UserPlugin>, EmbedderError> {
        Ok(self
            .0
            .plugin_instance(id)
            .await
            .map_err(EmbedderError::new)?
            .map(user_plugin))
    }

    async fn user_plugin_by_token(&self, token: &str) -> Result<Option<UserPlugin>, EmbedderError> {
        let row = self
            .0
            .plugin_instance_by_token(token)
            .await
            .map_err(EmbedderError::new)?;
        Ok(row.map(user_plugin))
    }

    async fn enable(
        &self,
        id: i64,
        consent: &UserGrants,
        cursor: i64,
    ) -> Result<(), EmbedderError> {
        self.0
            .enable_plugin_instance(id, &json(consent), cursor)
            .await
            .map_err(EmbedderError::new)
    }

    async fn disable(&self, id: i64, error: Option<&str>) -> Result<(), EmbedderError> {
        self.0
            .disable_plugin_instance(id, error)
            .await
            .map_err(EmbedderError::new)
    }

    async fn set_consent(&self, id: i64, consent: &UserGrants) -> Result<(), EmbedderError> {
        self.0
            .set_plugin_consent(id, &json(consent))
            .await
            .map_err(EmbedderError::new)
    }

    async fn forget_consents(&self, plugin: &str) -> Result<(), EmbedderError> {
        self.0
            .forget_consents(plugin)
            .await
            .map_err(EmbedderError::new)
    }

    async fn set_config(&self, id: i64, config: &str) -> Result<(), EmbedderError> {
        self.0
            .set_plugin_config(id, config)
            .await
            .map_err(EmbedderError::new)
    }

    async fn place_filters(&self, places: &[FilterPlace]) -> Result<(), EmbedderError> {
        let places: Vec<_> = places
            .iter()
            .map(|place| mortise_store::FilterPlace {
                id: place.id,
                order: place.order,
                fail_closed: place.fail_closed,
            })
            .collect();
        self.0
            .set_plugin_filters(&places)
            .await
            .map_err(EmbedderError::new)
    }

    async fn set_filter_applications(
        &self,
        id: i64,
        applications: Option<&[u64]>,
    ) -> Result<(), EmbedderError> {
        let applications = applications.map(|all| json(&all));
        self.0
            .set_filter_applications(id, applications.as_deref())
            .await
            .map_err(EmbedderError::new)
    }

    async fn set_cursor(&self, id: i64, cursor: i64) -> Result<(), EmbedderError> {
        self.0
            .set_plugin_cursor(id, cursor)
            .await
            .map_err(EmbedderError::new)
    }

    async fn add_dead_letter(&self, id: i64, letter: &DeadLetter) -> Result<(), EmbedderError> {
        self.0
            .set_message_aside(id, letter.message, letter.attempts, &letter.error)
            .await
            .map_err(EmbedderError::new)
    }

    async fn dead_letters(&self, id: i64) -> Result<Vec<DeadLetter>, EmbedderError> {
        let rows = self.0.dead_letters(id).await.map_err(EmbedderError::new)?;
        Ok(rows.into_iter().map(dead_letter).collect())
    }

    async fn has_dead_letter(&self, id: i64, message: i64) -> Result<bool, EmbedderError> {
        self.0
            .is_dead_letter(id, message)
            .await
            .map_err(EmbedderError::new)
    }

    async fn note_dead_letter(
        &self,
        id: i64,
        message: i64,
        error: &str,
    ) -> Result<(), EmbedderError> {
        self.0
            .note_dead_letter(id, message, error)
            .await
            .map_err(EmbedderError::new)
    }

    async fn remove_dead_letter(&self, id: i64, message: i64) -> Result<(), EmbedderError> {
        self.0
            .remove_dead_letter(id, message)
            .await
            .map_err(EmbedderError::new)?;
        Ok(())
    }

    async fn add_call_traces(&self, traces: &[CallTrace]) -> Result<(), EmbedderError> {
        let Some(first) = traces.first() else {
            return Ok(());
        };
        let rows = traces.iter().map(|trace| NewCallTrace {
            started_ms: trace.started_ms,
            failed: trace.cause.is_some(),
            trace: json(trace),
        });
        let rows: Vec<_> = rows.collect();
        self.0
            .add_call_traces(first.instance, &rows, KEPT_CALLS)
            .await
            .map_err(EmbedderError::new)
    }

    async fn value(&self, id: i64, key: &str) -> Result<Option<Vec<u8>>, EmbedderError> {
        self.0
            .plugin_value(id, key)
            .await
            .map_err(EmbedderError::new)
    }

    async fn set_value(
        &self,
        id: i64,
        key: &str,
        value: &[u8],
        quota: i64,
    ) -> Result<Result<(), StorageFull>, EmbedderError> {
        let set = self
            .0
            .set_plugin_value(id, key, value, quota)
            .await
            .map_err(EmbedderError::new)?;
        Ok(set.map_err(|full| StorageFull {
            would_be: full.would_be,
        }))
    }

    async fn remove_value(&self, id: i64, key: &str) -> Result<(), EmbedderError> {
        self.0
            .remove_plugin_value(id, key)
            .await
            .map_err(EmbedderError::new)
    }

    async fn keys(&self, id: i64, prefix: &str) -> Result<Vec<String>, EmbedderError> {
        self.0
            .plugin_keys(id, prefix)
            .await
            .map_err(EmbedderError::new)
    }

    async fn storage_bytes(&self, id: i64) -> Result<u64, EmbedderError> {
        self.0
            .plugin_storage_bytes(id)
            .await
            .map_err(EmbedderError::new)
    }

    async fn set_timer(
        &self,
        timer: &StoredTimer,
        most: u32,
    ) -> Result<Result<(), TooManyTimers>, EmbedderError> {
        let set = self
            .0
            .set_plugin_timer(&timer_row(timer), most)
            .await
            .map_err(EmbedderError::new)?;
        Ok(set.map_err(|mortise_store::TooManyTimers| TooManyTimers))
    }

    async fn cancel_timer(&self, id: i64, name: &str) -> Result<(), EmbedderError> {
        self.0
            .cancel_plugin_timer(id, name)
            .await
            .map_err(EmbedderError::new)
    }

    async fn next_timers(
        &self,
        ids: &[i64],
        limit: u32,
    ) -> Result<Vec<StoredTimer>, EmbedderError> {
        let rows = self
            .0
            .first_plugin_timers(ids, limit)
            .await
            .map_err(EmbedderError::new)?;
        let timers = rows.into_iter().map(|row| StoredTimer {
            id: row.instance_id,
            name: row.name,
            schedule: row.schedule,
            next_ms: row.next_ms,
        });
        Ok(timers.collect())
    }

    async fn advance_timer(
        &self,
        timer: &StoredTimer,
        next_ms: Option<i64>,
    ) -> Result<bool, EmbedderError> {
        self.0
            .advance_plugin_timer(&timer_row(timer), next_ms)
            .await
            .map_err(EmbedderError::new)
    }
}

fn user_plugin(row: InstanceRow) -> UserPlugin {
    UserPlugin {
        id: row.id,
        user_id: row.user_id,
        plugin: row.plugin,
        token: row.token,
        config: row.config,
        enabled: row.enabled,
        consent: row
            .consent
            .and_then(|text| serde_json::from_str(&text).ok()),
        filter_order: row.filter_order,
        fail_closed: row.fail_closed,
        filter_applications: row
            .filter_applications
            .and_then(|text| serde_json::from_str(&text).ok()),
        cursor: row.cursor,
        last_error: row.last_error,
        created_ms: row.created_ms,
    }
}

fn dead_letter(row: DeadLetterRow) -> DeadLetter {
    DeadLetter {
        message: row.message_id,
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        error: row.error,
    }
}

fn timer_row(timer: &StoredTimer) -> TimerRow {
    TimerRow {
        instance_id: timer.id,
        name: timer.name.clone(),
        schedule: timer.schedule.clone(),
        next_ms: timer.next_ms,
    }
}

/// The manager examines the file of a row anew that an older or newer server wrote
/// and this one cannot read.
fn installed(row: InstalledRow) -> Option<InstalledPlugin> {
    Some(InstalledPlugin {
        file: row.file,
        identity: row.identity.and_then(|text| parsed(&text)),
        version: parsed(&row.version)?,
        previous: row.previous.and_then(|text| parsed(&text)),
        source: row.source.and_then(|text| parsed(&text)),
    })
}

/// A row that an older or newer server wrote and this one cannot read counts as no
/// answer.
fn grant_record(row: AnswerRow) -> Option<GrantRecord> {
    Some(GrantRecord {
        asked: parsed(&row.asked)?,
        allowed: parsed(&row.allowed)?,
        answered_ms: row.answered_ms,
    })
}

fn json<T: Serialize>(value: &T) -> String {
    // Plain data always serializes.
    serde_json::to_string(value).unwrap_or_default()
}

fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::warn!(%error, "a plugin's stored state cannot be parsed, and is recreated"))
        .ok()
}
