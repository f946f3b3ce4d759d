//! The administrator's grants over the API: requested and granted permissions,
//! granting and revoking, pending versions, and denials.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use mortise_runtime::{
    Limits,
    grants::{HostGrants, UserGrants},
    guard::Denial,
    types::{Manifest, Permission},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    api::{
        ApiError, Routes,
        command::carry_out,
        extract::{Fields, Name},
        plugins::Asked,
    },
    auth::Caller,
    plugins::{
        Approval, CommandError, GrantChangeError, Pending, Plugins, Status, grants::PluginGrants,
    },
    state::AppState,
    time::rfc3339,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .admin(routes!(show))
        .admin(routes!(grant))
        .admin(routes!(revoke))
        .admin(routes!(approve))
        .admin(routes!(pending))
        .admin(routes!(denials))
}

impl From<GrantChangeError> for ApiError {
    fn from(error: GrantChangeError) -> Self {
        let text = error.to_string();
        match error {
            GrantChangeError::NotGranted(_) => Self::new(StatusCode::CONFLICT, text),
            GrantChangeError::Protected(_) => Self::bad_request(text),
            // In full: it is the administrator's file.
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
        }
    }
}

/// A plugin's requested permissions and its grants.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Rights {
    id: String,
    /// The permissions that the active version asks for; empty for a plugin
    /// that is not installed.
    asked: Vec<Asked>,
    /// The administrator's grants, as in the grants file.
    #[schema(value_type = Object)]
    allowed: PluginGrants,
    /// The time of the administrator's last change; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<String>,
}

async fn rights(state: &AppState, id: String) -> Rights {
    let allowed = state.plugins.grants_of(&id);
    let manifest = state.plugins.manifest(&id);
    let asked = manifest.as_ref().map_or_else(Vec::new, |manifest| {
        // Users grant their part by enabling the plugin.
        let grants = allowed.with_consent(manifest, &UserGrants::as_asked(manifest));
        let wants = manifest.wants.iter();
        wants
            .map(|request| Asked::new(request, grants.allows(&request.permission)))
            .collect()
    });
    let record = state.plugins.grant_record(&id).await;
    Rights {
        id,
        asked,
        allowed,
        answered_at: record.map(|record| rfc3339(record.answered_ms)),
    }
}

/// Shows a plugin's requested permissions and the administrator's grants.
#[utoipa::path(get, path = "/admin/plugins/{id}/grants", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses((status = 200, body = Rights)))]
async fn show(State(state): State<AppState>, Name(id): Name) -> Json<Rights> {
    Json(rights(&state, id).await)
}

/// The permissions to grant.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Grant {
    /// All that the version that runs asks of the administrator.
    as_asked: bool,
    /// This, as in the grants file.
    #[schema(value_type = Object)]
    allow: HostGrants,
    /// These, as the plugin asks for them: permissions of `asked`, or of a
    /// pending version's `difference`.
    #[schema(value_type = Vec<Object>)]
    permissions: Vec<Permission>,
    /// Limits by their names in the grants file; null for the default.
    limits: BTreeMap<String, Option<u64>>,
}

/// Allows a plugin more, or sets its limits. It takes effect at once; a plugin
/// that is not installed yet finds it.
#[utoipa::path(post, path = "/admin/plugins/{id}/grant", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    request_body = Grant,
    responses(
        (status = 200, body = Rights),
        (status = 400, description = "Nothing is to be granted, there is no such limit, or a \
            directory overlaps the server's own."),
        (status = 404, description = "What it asks for is not known, for it is not installed."),
    ))]
async fn grant(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
    Fields(asked): Fields<Grant>,
) -> Result<Json<Rights>, ApiError> {
    let mut more = part(asked.allow, &asked.permissions)?;
    if asked.as_asked {
        let manifest = known(&state.plugins, &id)?;
        // A checked manifest has patterns that parse.
        let all = PluginGrants::as_asked(&manifest).map_err(ApiError::internal)?;
        more.join(all.grants);
    }
    let limits: Vec<_> = asked.limits.into_iter().collect();
    for (name, value) in &limits {
        let alone = serde_json::json!({ name: value.unwrap_or(1) });
        serde_json::from_value::<Limits>(alone)
            .map_err(|error| ApiError::bad_request(format!("Field 'limits': {error}")))?;
    }
    let is_empty = more == HostGrants::default();
    if is_empty && limits.is_empty() && !asked.as_asked {
        return Err(ApiError::bad_request("nothing to grant"));
    }
    let (by, plugin) = (caller.actor(), id.clone());
    carry_out(&state, |plugins| async move {
        if !is_empty {
            plugins.grant(&plugin, &more, &by).await?;
        }
        if !limits.is_empty() {
            plugins.set_limits(&plugin, limits, &by).await?;
        }
        Ok::<_, GrantChangeError>(())
    })
    .await?;
    Ok(Json(rights(&state, id).await))
}

/// The permissions to revoke.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Revoke {
    /// All that was allowed.
    all: bool,
    /// This, in the words in which it was allowed.
    #[schema(value_type = Object)]
    allow: HostGrants,
    /// These, as the plugin asks for them.
    #[schema(value_type = Vec<Object>)]
    permissions: Vec<Permission>,
}

/// Revokes grants of a plugin. Takes effect on the next call, and closes
/// everything opened with them.
#[utoipa::path(post, path = "/admin/plugins/{id}/revoke", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    request_body = Revoke,
    responses(
        (status = 200, body = Rights),
        (status = 400, description = "The request names no permission."),
        (status = 409, description = "Nothing of it is granted."),
    ))]
async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
    Fields(asked): Fields<Revoke>,
) -> Result<Json<Rights>, ApiError> {
    let mut less = part(asked.allow, &asked.permissions)?;
    if asked.all {
        less.join(state.plugins.grants_of(&id).grants);
    } else if less == HostGrants::default() {
        return Err(ApiError::bad_request(
            "nothing to revoke: name permissions, or set `all`",
        ));
    }
    let (by, plugin) = (caller.actor(), id.clone());
    carry_out(&state, |plugins| async move {
        plugins.revoke(&plugin, &less, &by).await
    })
    .await?;
    Ok(Json(rights(&state, id).await))
}

/// The way in which a pending version may run.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Approve {
    /// True to run it without the new permissions.
    without: bool,
}

/// Lets a version run that waits because it asks for more.
#[utoipa::path(post, path = "/admin/plugins/{id}/approve", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    request_body = Approve,
    responses(
        (status = 200, body = Status),
        (status = 404),
        (status = 409, description = "Nothing of it waits."),
        (status = 422, description = "It does not start after all. The previous version keeps running."),
    ))]
async fn approve(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
    Fields(Approve { without }): Fields<Approve>,
) -> Result<Json<Status>, ApiError> {
    let by = caller.actor();
    let approval = if without {
        Approval::Without
    } else {
        Approval::AsAsked
    };
    carry_out(&state, |plugins| async move {
        plugins.approve(&id, approval, &by).await
    })
    .await
    .map(Json)
}

/// Lists all versions that wait for approval, with the new permissions of each.
#[utoipa::path(get, path = "/admin/pending", tag = "admin",
    responses((status = 200, body = [Pending])))]
async fn pending(State(state): State<AppState>) -> Json<Vec<Pending>> {
    Json(state.plugins.pending())
}

/// A denial of an instance.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeniedTo {
    /// The instance's user.
    user: String,
    /// The permission it lacks, as the contract names it.
    permission: String,
    /// The object, such as a host.
    what: String,
    count: u64,
    /// The time of the last denial.
    date: String,
}

impl DeniedTo {
    pub(crate) fn new(user: String, denial: Denial) -> Self {
        Self {
            user,
            permission: denial.permission.to_owned(),
            what: denial.what,
            count: denial.count,
            date: rfc3339(i64::try_from(denial.last_ms).unwrap_or(i64::MAX)),
        }
    }
}

/// Lists a plugin's denials for missing grants, for all its users.
#[utoipa::path(get, path = "/admin/plugins/{id}/denials", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses((status = 200, body = [DeniedTo]), (status = 404)))]
async fn denials(
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<Vec<DeniedTo>>, ApiError> {
    known(&state.plugins, &id)?;
    let denials = state.plugins.denials(&id);
    let denials = denials
        .into_iter()
        .map(|(user, denial)| DeniedTo::new(user, denial));
    Ok(Json(denials.collect()))
}

fn known(plugins: &Arc<Plugins>, id: &str) -> Result<Manifest, ApiError> {
    let manifest = plugins.manifest(id);
    manifest.ok_or_else(|| CommandError::Unknown(id.to_owned()).into())
}

/// The grants to add or to remove. Users answer for their part themselves.
fn part(mut grants: HostGrants, permissions: &[Permission]) -> Result<HostGrants, ApiError> {
    if let Some(own) = permissions.iter().find(|one| one.is_for_user()) {
        return Err(ApiError::bad_request(format!(
            "Field 'permissions': `{}` is not the administrator's to grant; each user answers by \
             enabling the plugin",
            own.name()
        )));
    }
    let named = HostGrants::of(permissions)
        .map_err(|error| ApiError::bad_request(format!("Field 'permissions': {error}")))?;
    grants.join(named);
    Ok(grants)
}
