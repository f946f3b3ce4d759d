//! Plugins from a registry: their description before anything is downloaded,
//! their installation, and their updates.

use axum::{Json, extract::State, http::StatusCode};
use mortise_runtime::Digest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::{
    carry_out, named,
    progress::{Progress, Step},
};
use crate::{
    api::{
        ApiError, Routes,
        extract::{Fields, Name, Parameters},
    },
    auth::Caller,
    oci::{self, Access, Artifact, Found, Reference, RegistryError},
    plugins::{
        CommandError, Difference, Signature, Status, Upload, VersionOf, embedder::RegistrySource,
    },
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .admin(routes!(registry_version))
        .admin(routes!(newest_version, update))
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let text = error.to_string();
        let status = match error {
            RegistryError::Arrival(error) => return error.into(),
            RegistryError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            RegistryError::NoUpdates(_) => StatusCode::CONFLICT,
            RegistryError::Unknown(_)
            | RegistryError::Digest { .. }
            | RegistryError::Size { .. }
            | RegistryError::Platform { .. }
            | RegistryError::NotPlugin { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, text)
    }
}

/// A version in a registry, as its publisher describes it.
#[derive(Serialize, ToSchema)]
struct RegistryVersion {
    #[serde(flatten)]
    artifact: Artifact,
    /// The signer by the key that its signature names. The server checks the
    /// signature with the file, before it runs any of it.
    signature: Signature,
    /// The active version of the same plugin; absent if it is not installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    installed: Option<VersionOf>,
    /// True if it is neither the active nor the pending version.
    new: bool,
    /// The permissions that it asks for beyond the active version.
    difference: Difference,
}

impl RegistryVersion {
    async fn of(state: &AppState, found: Found) -> Result<Self, ApiError> {
        let Found {
            artifact,
            signature,
            ..
        } = found;
        let signature = state.plugins.announced_signer(signature).await;
        let signature = signature.map_err(|why| {
            let text = format!("{}: {why}", artifact.reference);
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, text)
        })?;
        let difference = match &artifact.manifest {
            Some(manifest) => state.plugins.new_requests(manifest).await,
            None => Difference::default(),
        };
        let id = artifact.manifest.as_ref().map(|manifest| &manifest.id);
        let status = id.and_then(|id| state.plugins.status(id));
        Ok(Self {
            new: status
                .as_ref()
                .is_none_or(|status| status.is_new(&artifact.file)),
            installed: status.map(|status| VersionOf {
                version: status.version,
                digest: status.digest,
            }),
            artifact,
            signature,
            difference,
        })
    }
}

/// The address of a version.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Address {
    /// Such as `oci://ghcr.io/example/rules:1.0.0`.
    reference: String,
}

/// Describes a version in a registry, without downloading its file.
#[utoipa::path(get, path = "/admin/registry", tag = "admin", params(Address),
    responses(
        (status = 200, body = RegistryVersion),
        (status = 400, description = "The address is not one in a registry."),
        (status = 413, description = "It is too large for a plugin."),
        (status = 422, description = "It is missing, not a plugin, not for this machine, or has another digest."),
        (status = 502, description = "The registry does not serve it."),
    ))]
async fn registry_version(
    State(state): State<AppState>,
    Parameters(Address { reference }): Parameters<Address>,
) -> Result<Json<RegistryVersion>, ApiError> {
    let reference = parse(&reference, "reference")?;
    let found = oci::find(&reference, None, &access(&state)).await?;
    RegistryVersion::of(&state, found).await.map(Json)
}

/// Describes the newest version of a plugin that was installed from a registry.
#[utoipa::path(get, path = "/admin/plugins/{id}/update", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    responses(
        (status = 200, body = RegistryVersion),
        (status = 404),
        (status = 409, description = "It has no registry, or names its version by digest."),
        (status = 422, description = "What the registry has is not a plugin, or not for this machine."),
        (status = 502, description = "The registry does not serve it."),
    ))]
async fn newest_version(
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<RegistryVersion>, ApiError> {
    let found = newest(&state, &id, None).await?;
    RegistryVersion::of(&state, found).await.map(Json)
}

/// The version to update to.
#[derive(Deserialize, ToSchema)]
struct Expected {
    /// The digest of the manifest that the newest version had when it was shown.
    #[schema(value_type = String)]
    digest: Digest,
}

/// Installs the newest version of a plugin from its registry. If it asks for more,
/// it waits for approval.
#[utoipa::path(post, path = "/admin/plugins/{id}/update", tag = "admin",
    params(("id" = String, Path, description = "The manifest's id.")),
    request_body = Expected,
    responses(
        (status = 200, body = Status, description = "It runs, or waits for approval."),
        (status = 404),
        (status = 409, description = "It has no registry, or the newest version is another plugin."),
        (status = 422, description = "It is another version meanwhile, or does not load. Nothing changed."),
        (status = 502, description = "The registry does not serve it."),
    ))]
async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Name(id): Name,
    Fields(Expected { digest }): Fields<Expected>,
) -> Result<Json<Status>, ApiError> {
    let progress = Progress::new(&state, caller.user.id);
    let found = newest(&state, &id, Some(digest)).await?;
    install(&state, caller, progress, found, None)
        .await
        .map(Json)
}

/// Finds the newest version of an installed plugin.
async fn newest(state: &AppState, id: &str, expected: Option<Digest>) -> Result<Found, ApiError> {
    let status = state.plugins.status(id);
    let status = status.ok_or_else(|| CommandError::Unknown(id.to_owned()))?;
    let Some(source) = status.source else {
        let text = format!(
            "`{id}` was not installed from a registry, so its updates are not known; install it \
             with mortise plugin install oci://HOST/NAME:TAG"
        );
        return Err(ApiError::new(StatusCode::CONFLICT, text));
    };
    let access = access(state);
    let reference = parse(&source.reference, "reference")?;
    let reference = oci::newest(&reference, &access).await?;
    let found = oci::find(&reference, expected, &access).await?;
    let other = found.artifact.manifest.as_ref();
    match other.filter(|manifest| manifest.id != id) {
        Some(manifest) => {
            let text = format!(
                "{reference} is another plugin now, `{}`; install it under its own id if you want \
                 it",
                manifest.id
            );
            Err(ApiError::new(StatusCode::CONFLICT, text))
        }
        None => Ok(found),
    }
}

/// Installs a version by its address.
pub(super) async fn install_from(
    state: &AppState,
    caller: Caller,
    progress: Progress,
    (address, digest): (&str, Option<Digest>),
    signature: Option<String>,
) -> Result<Status, ApiError> {
    let reference = parse(address, "url")?;
    let found = oci::find(&reference, digest, &access(state)).await?;
    install(state, caller, progress, found, signature).await
}

async fn install(
    state: &AppState,
    caller: Caller,
    mut progress: Progress,
    found: Found,
    signature: Option<String>,
) -> Result<Status, ApiError> {
    progress.step(Step::Downloading);
    let size = found.artifact.size;
    let folder = state.config.uploads_dir();
    let patience = state.config.limits.download_retry;
    let file = oci::download(&found, &folder, patience, |bytes| {
        progress.arrived(Step::Downloading, bytes, Some(size));
    })
    .await?;
    progress.step(Step::Checking);
    let by = caller.actor();
    let done = carry_out(state, |plugins| async move {
        let artifact = found.artifact;
        let called = artifact.reference.clone();
        let upload = Upload {
            name: found.name.as_deref(),
            signature: signature.or(found.signature),
            source: Some(RegistrySource {
                reference: artifact.reference,
                digest: artifact.digest,
                file: artifact.file,
            }),
            announced: artifact.manifest,
            ..Upload::of(&file)
        };
        let installed = plugins.install(upload, &by).await;
        installed.map_err(|error| named(error, &file, called.into()))
    });
    let status = done.await?;
    progress.done(&status.id);
    Ok(status)
}

fn access(state: &AppState) -> Access {
    Access::of_environment(state.settings().registry_ca.as_deref())
}

fn parse(text: &str, field: &str) -> Result<Reference, ApiError> {
    text.parse()
        .map_err(|error| ApiError::bad_request(format!("Field '{field}': {error}")))
}
