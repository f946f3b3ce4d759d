//! A plugin's limits, beside what each user's instance has used of them.

use axum::{Json, extract::State};
use mortise_runtime::{Limits, limits::Limit};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    api::{ApiError, Routes, extract::Name},
    plugins::CommandError,
    state::AppState,
    time::rfc3339,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.admin(routes!(usage))
}

/// The limits of a plugin and their use.
#[derive(Serialize, ToSchema)]
struct Usage {
    /// By their names in the grants file.
    limits: Vec<LimitOf>,
    /// The users who have the plugin, enabled or not.
    users: Vec<UsedBy>,
}

/// A limit of each user's instance.
#[derive(Serialize, ToSchema)]
struct LimitOf {
    limit: String,
    most: u64,
    /// The value without a setting.
    default: u64,
}

/// The use of one user's instance.
#[derive(Serialize, ToSchema)]
struct UsedBy {
    user: String,
    /// The user's plugin, as in `/plugin/{id}`.
    instance: i64,
    enabled: bool,
    /// Now, of the limits of things that are kept.
    used: Vec<UsedOf>,
    /// The limits that were reached since the server started.
    reached: Vec<ReachedAt>,
}

/// The use of one limit.
#[derive(Serialize, ToSchema)]
struct UsedOf {
    limit: &'static str,
    now: u64,
}

/// A limit that was reached.
#[derive(Serialize, ToSchema)]
struct ReachedAt {
    limit: &'static str,
    /// How many times.
    count: u64,
    /// The last time, RFC 3339.
    date: String,
}

/// A plugin's limits, and how much of them each user's instance uses now:
/// storage, log and timers.
#[utoipa::path(get, path = "/admin/plugins/{id}/usage", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses((status = 200, body = Usage), (status = 404)))]
async fn usage(State(state): State<AppState>, Name(id): Name) -> Result<Json<Usage>, ApiError> {
    if state.plugins.status(&id).is_none() {
        return Err(CommandError::Unknown(id).into());
    }
    let slots = state.plugins.slots_of(&id);
    let mut users = Vec::new();
    for row in state.store.plugin_usage(&id).await? {
        let slot = slots.iter().find(|slot| slot.id == row.instance);
        let mut used = vec![
            UsedOf {
                limit: Limit::StorageBytes.name(),
                now: row.storage_bytes.unsigned_abs(),
            },
            UsedOf {
                limit: Limit::Timers.name(),
                now: row.timers.unsigned_abs(),
            },
        ];
        used.extend(slot.map(|slot| UsedOf {
            limit: Limit::LogBytes.name(),
            now: slot.log.bytes(),
        }));
        let reached = slot.map(|slot| slot.reached()).unwrap_or_default();
        users.push(UsedBy {
            user: row.user,
            instance: row.instance,
            enabled: row.enabled,
            used,
            reached: reached
                .into_iter()
                .map(|reached| ReachedAt {
                    limit: reached.limit.name(),
                    count: reached.count,
                    date: rfc3339(i64::try_from(reached.last_ms).unwrap_or(i64::MAX)),
                })
                .collect(),
        });
    }
    let limits = limits(&state.plugins.grants_of(&id).limits);
    Ok(Json(Usage { limits, users }))
}

/// Every limit by its name in settings.
fn limits(now: &Limits) -> Vec<LimitOf> {
    let values = |limits: &Limits| match serde_json::to_value(limits) {
        Ok(serde_json::Value::Object(values)) => values,
        _ => serde_json::Map::new(),
    };
    let defaults = values(&Limits::default());
    values(now)
        .into_iter()
        .map(|(limit, most)| LimitOf {
            default: defaults
                .get(&limit)
                .and_then(serde_json::Value::as_u64)
                .unwrap_or_default(),
            most: most.as_u64().unwrap_or_default(),
            limit,
        })
        .collect()
}
