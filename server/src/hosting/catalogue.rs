//! The database as the catalogue of plugins.

use std::collections::HashMap;

use async_trait::async_trait;
use mortise_runtime::grants::UserGrants;

use crate::{
    auth::{Token, TokenKind},
    plugins::{
        Catalogue, EmbedderError,
        embedder::{
            AuditEntry, DeadLetter, DepartedPlugin, FilterPlace, GrantRecord, InstalledPlugin,
            Selection, StorageFull, StoredTimer, TooManyTimers, UserPlugin,
        },
    },
    store::{InstanceRow, NewInstance, SetAsideRow, Store, StoreError, TimerRow},
};

impl From<StoreError> for EmbedderError {
    fn from(error: StoreError) -> Self {
        Self::new(error)
    }
}

#[async_trait]
impl Catalogue for Store {
    async fn installed(&self) -> Result<Vec<InstalledPlugin>, EmbedderError> {
        Ok(self.installed_plugins().await?)
    }

    async fn set_installed(&self, plugin: &InstalledPlugin) -> Result<(), EmbedderError> {
        Ok(self.set_installed_plugin(plugin).await?)
    }

    async fn remove_installed(&self, plugin: &str) -> Result<(), EmbedderError> {
        Ok(self.remove_installed_plugin(plugin).await?)
    }

    async fn grant_records(&self) -> Result<HashMap<String, GrantRecord>, EmbedderError> {
        Ok(self.plugin_answers().await?)
    }

    async fn grant_record(&self, plugin: &str) -> Result<Option<GrantRecord>, EmbedderError> {
        Ok(self.plugin_answer(plugin).await?)
    }

    async fn set_grant_record(
        &self,
        plugin: &str,
        record: &GrantRecord,
    ) -> Result<(), EmbedderError> {
        Ok(self.set_plugin_answer(plugin, record).await?)
    }

    async fn departed(&self, plugin: &str) -> Result<Option<DepartedPlugin>, EmbedderError> {
        Ok(self.departed_plugin(plugin).await?)
    }

    async fn set_departed(
        &self,
        plugin: &str,
        departed: &DepartedPlugin,
    ) -> Result<(), EmbedderError> {
        Ok(self.add_departed_plugin(plugin, departed).await?)
    }

    async fn remove_departed(&self, plugin: &str) -> Result<(), EmbedderError> {
        Ok(self.remove_departed_plugin(plugin).await?)
    }

    async fn audit(&self, entry: AuditEntry<'_>) -> Result<(), EmbedderError> {
        Ok(self.add_audit(entry).await?)
    }

    async fn add_user_plugins(&self, users: &[i64], plugins: &[&str]) -> Result<(), EmbedderError> {
        let missing = self.missing_plugin_instances(users, plugins).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let mut new = Vec::with_capacity(missing.len());
        for (user_id, plugin) in missing {
            match Token::generate(TokenKind::Plugin) {
                Ok(token) => new.push(NewInstance {
                    user_id,
                    plugin,
                    token,
                }),
                Err(error) => tracing::error!(%error, "no randomness for a plugin's token"),
            }
        }
        Ok(self.add_plugin_instances(&new).await?)
    }

    async fn user_plugins(
        &self,
        selection: Selection<'_>,
    ) -> Result<Vec<UserPlugin>, EmbedderError> {
        let rows = match selection {
            Selection::Enabled => self.enabled_plugin_instances().await?,
            Selection::OfPlugin(plugin) => self.plugin_instances_of_plugin(plugin).await?,
            Selection::OfUser(user_id) => self.plugin_instances_of(user_id).await?,
        };
        Ok(rows.into_iter().map(UserPlugin::from).collect())
    }

    async fn user_plugin(&self, id: i64) -> Result<Option<UserPlugin>, EmbedderError> {
        Ok(self.plugin_instance(id).await?.map(UserPlugin::from))
    }

    async fn user_plugin_by_token(&self, token: &str) -> Result<Option<UserPlugin>, EmbedderError> {
        let row = self.plugin_instance_by_token(token).await?;
        Ok(row.map(UserPlugin::from))
    }

    async fn enable(
        &self,
        id: i64,
        consent: &UserGrants,
        cursor: i64,
    ) -> Result<(), EmbedderError> {
        Ok(self.enable_plugin_instance(id, consent, cursor).await?)
    }

    async fn disable(&self, id: i64, error: Option<&str>) -> Result<(), EmbedderError> {
        Ok(self.disable_plugin_instance(id, error).await?)
    }

    async fn set_consent(&self, id: i64, consent: &UserGrants) -> Result<(), EmbedderError> {
        Ok(self.set_plugin_consent(id, consent).await?)
    }

    async fn forget_consents(&self, plugin: &str) -> Result<(), EmbedderError> {
        Ok(Self::forget_consents(self, plugin).await?)
    }

    async fn set_config(&self, id: i64, config: &str) -> Result<(), EmbedderError> {
        Ok(self.set_plugin_config(id, config).await?)
    }

    async fn place_filters(&self, places: &[FilterPlace]) -> Result<(), EmbedderError> {
        Ok(self.set_plugin_filters(places).await?)
    }

    async fn set_cursor(&self, id: i64, cursor: i64) -> Result<(), EmbedderError> {
        Ok(self.set_plugin_cursor(id, cursor).await?)
    }

    async fn add_dead_letter(&self, id: i64, letter: &DeadLetter) -> Result<(), EmbedderError> {
        Ok(self.set_message_aside(id, letter).await?)
    }

    async fn dead_letters(&self, id: i64) -> Result<Vec<DeadLetter>, EmbedderError> {
        let rows = self.messages_set_aside(id).await?;
        Ok(rows.into_iter().map(DeadLetter::from).collect())
    }

    async fn has_dead_letter(&self, id: i64, message: i64) -> Result<bool, EmbedderError> {
        Ok(self.is_set_aside(id, message).await?)
    }

    async fn note_dead_letter(
        &self,
        id: i64,
        message: i64,
        error: &str,
    ) -> Result<(), EmbedderError> {
        Ok(self.note_set_aside(id, message, error).await?)
    }

    async fn remove_dead_letter(&self, id: i64, message: i64) -> Result<(), EmbedderError> {
        self.remove_set_aside(id, message).await?;
        Ok(())
    }

    async fn value(&self, id: i64, key: &str) -> Result<Option<Vec<u8>>, EmbedderError> {
        Ok(self.plugin_value(id, key).await?)
    }

    async fn set_value(
        &self,
        id: i64,
        key: &str,
        value: &[u8],
        quota: i64,
    ) -> Result<Result<(), StorageFull>, EmbedderError> {
        Ok(self.set_plugin_value(id, key, value, quota).await?)
    }

    async fn remove_value(&self, id: i64, key: &str) -> Result<(), EmbedderError> {
        Ok(self.remove_plugin_value(id, key).await?)
    }

    async fn keys(&self, id: i64, prefix: &str) -> Result<Vec<String>, EmbedderError> {
        Ok(self.plugin_keys(id, prefix).await?)
    }

    async fn storage_bytes(&self, id: i64) -> Result<u64, EmbedderError> {
        Ok(self.plugin_storage_bytes(id).await?)
    }

    async fn set_timer(
        &self,
        timer: &StoredTimer,
        most: u32,
    ) -> Result<Result<(), TooManyTimers>, EmbedderError> {
        Ok(self.set_plugin_timer(&row(timer), most).await?)
    }

    async fn cancel_timer(&self, id: i64, name: &str) -> Result<(), EmbedderError> {
        Ok(self.cancel_plugin_timer(id, name).await?)
    }

    async fn next_timers(
        &self,
        ids: &[i64],
        limit: u32,
    ) -> Result<Vec<StoredTimer>, EmbedderError> {
        let rows = self.first_plugin_timers(ids, limit).await?;
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
        Ok(self.advance_plugin_timer(&row(timer), next_ms).await?)
    }
}

impl From<InstanceRow> for UserPlugin {
    fn from(row: InstanceRow) -> Self {
        Self {
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
            cursor: row.cursor,
            last_error: row.last_error,
            created_ms: row.created_ms,
        }
    }
}

impl From<SetAsideRow> for DeadLetter {
    fn from(row: SetAsideRow) -> Self {
        Self {
            message: row.message_id,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            error: row.error,
        }
    }
}

fn row(timer: &StoredTimer) -> TimerRow {
    TimerRow {
        instance_id: timer.id,
        name: timer.name.clone(),
        schedule: timer.schedule.clone(),
        next_ms: timer.next_ms,
    }
}
