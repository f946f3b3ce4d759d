//! Plugins as the administrator has them: install, reload, roll back,
//! uninstall, and how each one is. What a user does with a plugin is in
//! [`plugins`](super::plugins).

mod grants;
mod keys;
mod model;
mod progress;
mod registry;
mod usage;

use axum::{
    Json,
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
};
use mortise_runtime::Digest;
use serde::Deserialize;
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

pub(crate) use self::{grants::DeniedTo, model::LogLine};
use self::{
    model::{Attachment, AuditPage, PluginList},
    progress::{Progress, Step},
};
use super::{
    ApiError, Routes,
    command::{Uploaded, carry_out, named, receive},
    extract::{Fields, Name, Parameters, content_type},
};
use crate::{
    auth::Caller,
    hosting::arriving::{self, ArrivalError},
    oci::Reference,
    plugins::{CommandError, Status, Upload, doctor::Diagnosis},
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .admin(routes!(list, install))
        .admin(routes!(status, uninstall))
        .admin(routes!(reload))
        .admin(routes!(rollback))
        .admin(routes!(attach, detach))
        .admin(routes!(doctor))
        .admin(routes!(logs))
        .admin(routes!(audit))
        .merge(grants::routes)
        .merge(keys::routes)
        .merge(registry::routes)
        .merge(usage::routes)
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let text = error.to_string();
        match error {
            CommandError::Unknown(_) => Self::not_found(text),
            CommandError::Load(report) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, text).with_report(&report)
            }
            CommandError::NothingBefore(_)
            | CommandError::Missing(_)
            | CommandError::Pending(_)
            | CommandError::Attach { .. }
            | CommandError::NotAttached(_)
            | CommandError::NothingPending(_)
            | CommandError::Taken(_) => Self::new(StatusCode::CONFLICT, text),
            CommandError::Announced(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, text),
            // In full: it is the administrator who has to mend it.
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
        }
    }
}

impl From<ArrivalError> for ApiError {
    fn from(error: ArrivalError) -> Self {
        let text = error.to_string();
        let status = match error {
            ArrivalError::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            ArrivalError::Digest { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ArrivalError::File(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ArrivalError::Url { .. } => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, text)
    }
}

/// All installed plugins, and what in the plugins folder is none.
#[utoipa::path(get, path = "/admin/plugins", tag = "admin", responses(
    (status = 200, body = PluginList),
))]
async fn list(State(state): State<AppState>) -> Json<PluginList> {
    Json(PluginList {
        plugins: state.plugins.list(),
        problems: super::plugins::all_problems(&state),
    })
}

/// The source of an installation.
#[derive(Deserialize, ToSchema)]
struct Source {
    /// `https`, `http`, or `oci` for a registry.
    url: String,
    /// `sha256:` and 64 hexadecimal digits: of the file, or of the manifest in the
    /// registry. Optional for a registry.
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
    /// Its signature: what minisign wrote into `NAME.minisig`. A version in a
    /// registry has its own.
    #[serde(default)]
    signature: Option<String>,
}

/// Installs or replaces a plugin: from the request's body, or, where that is
/// JSON, from a URL or a registry. Its signature comes with it, if it has one.
#[utoipa::path(post, path = "/admin/plugins", tag = "admin",
    params(Uploaded),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (Source = "application/json"),
    )),
    responses(
        (status = 200, body = Status, description = "It runs, or waits for approval."),
        (status = 409, description = "Something else has its place in the plugins folder."),
        (status = 413, description = "It is too large for a plugin."),
        (status = 422, description = "It does not load, does not start, or has another digest. Nothing changed."),
        (status = 502, description = "The URL or the registry does not serve it."),
    ))]
async fn install(
    State(state): State<AppState>,
    caller: Caller,
    Parameters(meant): Parameters<Uploaded>,
    request: Request,
) -> Result<Json<Status>, ApiError> {
    let mut progress = Progress::new(&state, caller.user.id);
    let (file, signature, name, called) = if content_type(request.headers()) == "application/json" {
        let Fields(source) = Fields::<Source>::from_request(request, &state).await?;
        if Reference::is_meant(&source.url) {
            let from = (&*source.url, source.digest);
            let done = registry::install_from(&state, caller, progress, from, source.signature);
            return done.await.map(Json);
        }
        let digest = source.digest.ok_or_else(|| {
            ApiError::bad_request("Field 'digest' is missing; a URL needs the digest of its file")
        })?;
        let url = Url::parse(&source.url)
            .map_err(|error| ApiError::bad_request(format!("Field 'url' is no URL: {error}")))?;
        progress.step(Step::Downloading);
        let file = arriving::download(&url, digest, &state.config.uploads_dir()).await?;
        let name = url.path_segments().and_then(|mut parts| parts.next_back());
        let name = name.map(str::to_owned);
        (file, source.signature, name, "the downloaded file")
    } else {
        progress.step(Step::Receiving);
        let received = receive(&state, request, meant.digest, |here, total| {
            progress.arrived(Step::Receiving, here, total);
        });
        let file = received.await?;
        (file, meant.signature, meant.name, "the uploaded file")
    };
    progress.step(Step::Checking);
    let by = caller.actor();
    let done = carry_out(&state, |plugins| async move {
        let upload = Upload {
            name: name.as_deref(),
            signature,
            ..Upload::of(&file)
        };
        let installed = plugins.install(upload, &by).await;
        installed.map_err(|error| named(error, &file, called.into()))
    });
    let status = done.await?;
    progress.done(&status.id);
    Ok(Json(status))
}

/// Shows a plugin's status.
#[utoipa::path(get, path = "/admin/plugins/{id}", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses((status = 200, body = Status), (status = 404)))]
async fn status(State(state): State<AppState>, Name(id): Name) -> Result<Json<Status>, ApiError> {
    let status = state.plugins.status(&id);
    Ok(Json(status.ok_or(CommandError::Unknown(id))?))
}

/// Removes a plugin and its file; its users' data stays for its return.
#[utoipa::path(delete, path = "/admin/plugins/{id}", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses((status = 200), (status = 404)))]
async fn uninstall(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
) -> Result<(), ApiError> {
    let by = caller.actor();
    carry_out(&state, |plugins| async move {
        plugins.uninstall(&id, &by).await
    })
    .await
}

/// Loads a plugin anew from its file, whether that changed or not.
#[utoipa::path(post, path = "/admin/plugins/{id}/reload", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses(
        (status = 200, body = Status),
        (status = 404),
        (status = 409, description = "Its file is not there."),
        (status = 422, description = "It does not load or start. The previous version keeps running."),
    ))]
async fn reload(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
) -> Result<Json<Status>, ApiError> {
    let by = caller.actor();
    let done = carry_out(
        &state,
        |plugins| async move { plugins.reload(&id, &by).await },
    );
    done.await.map(Json)
}

/// Returns to the previous version.
#[utoipa::path(post, path = "/admin/plugins/{id}/rollback", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses(
        (status = 200, body = Status),
        (status = 404),
        (status = 409, description = "There is none, or it has to be approved first."),
        (status = 422, description = "It does not load or start. The previous version keeps running."),
    ))]
async fn rollback(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
) -> Result<Json<Status>, ApiError> {
    let by = caller.actor();
    let done = carry_out(
        &state,
        |plugins| async move { plugins.rollback(&id, &by).await },
    );
    done.await.map(Json)
}

/// The place where a process attaches.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Place {
    /// It stays over restarts of the server and versions of the plugin, until it
    /// is deleted.
    #[serde(default)]
    lasting: bool,
}

/// Lets a process that the caller starts by hand take the place of a native
/// plugin's own, in a debugger for example. It is not confined.
#[utoipa::path(post, path = "/admin/plugins/{id}/attach", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id."), Place),
    responses(
        (status = 200, body = Attachment),
        (status = 404),
        (status = 409, description = "It has no process, or no user has enabled it."),
    ))]
async fn attach(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
    Parameters(place): Parameters<Place>,
) -> Result<Json<Attachment>, ApiError> {
    let by = caller.actor();
    let attachment = state.plugins.attach(&id, place.lasting, &by).await?;
    Ok(Json(attachment.into()))
}

/// Ends the lasting place where a process attaches. A process that is connected
/// stays until it leaves.
#[utoipa::path(delete, path = "/admin/plugins/{id}/attach", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses(
        (status = 200),
        (status = 404, description = "There is no such plugin, or it has no lasting place."),
    ))]
async fn detach(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
) -> Result<(), ApiError> {
    Ok(state.plugins.detach(&id, &caller.actor()).await?)
}

/// Lists a plugin's problems and their fixes.
#[utoipa::path(get, path = "/admin/plugins/{id}/doctor", tag = "admin",
    params(("id" = String, Path,
        description = "The manifest's id, or the name of a file in the plugins folder.")),
    responses((status = 200, body = Diagnosis,
        description = "Also about plugins that are not installed.")))]
async fn doctor(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
) -> Result<Json<Diagnosis>, ApiError> {
    Ok(Json(state.plugins.diagnose(&id, caller.user.id).await?))
}

/// Selects the entries of a log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Since {
    /// From this time on, in milliseconds since the epoch.
    #[serde(default)]
    since: u64,
}

/// Lists the output of a plugin's process, the server's entries about each
/// user's instance, and the plugin's entries for the caller; oldest first.
#[utoipa::path(get, path = "/admin/plugins/{id}/log", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id."), Since),
    responses((status = 200, body = [LogLine]), (status = 404)))]
async fn logs(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
    Parameters(Since { since }): Parameters<Since>,
) -> Result<Json<Vec<LogLine>>, ApiError> {
    if state.plugins.status(&id).is_none() {
        return Err(CommandError::Unknown(id).into());
    }
    let lines = state.plugins.logs(&id, caller.user.id, since);
    Ok(Json(lines.into_iter().map(LogLine::from).collect()))
}

/// The most entries of the audit log on a page.
const AUDIT_PAGE: u32 = 200;

/// Selects the entries of the audit log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Audited {
    /// Of this plugin only.
    plugin: Option<String>,
    /// Those before the one of this id.
    before: Option<i64>,
    /// 1 to 200; 100 if nothing is said.
    limit: Option<u32>,
}

/// Lists changes to plugins with their actors, newest first.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(Audited),
    responses((status = 200, body = AuditPage), (status = 400)))]
async fn audit(
    State(state): State<AppState>,
    Parameters(asked): Parameters<Audited>,
) -> Result<Json<AuditPage>, ApiError> {
    let limit = asked.limit.unwrap_or(100);
    if !(1..=AUDIT_PAGE).contains(&limit) {
        return Err(ApiError::bad_request(format!(
            "Field 'limit' is 1 to {AUDIT_PAGE}"
        )));
    }
    let before = asked.before.unwrap_or(i64::MAX);
    let rows = state
        .store
        .audit(asked.plugin.as_deref(), before, limit)
        .await?;
    let full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(Json(AuditPage {
        next: rows.last().filter(|_| full).map(|row| row.id),
        entries: rows.into_iter().map(model::AuditEntry::from).collect(),
    }))
}
