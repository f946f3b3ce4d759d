//! Images of applications.

use axum::{
    Json,
    extract::{DefaultBodyLimit, Multipart, Path, State, multipart::MultipartRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use bytes::Bytes;
use mortise_runtime::image::ImageFormat;
use utoipa_axum::{router::UtoipaMethodRouterExt as _, routes};

use super::{
    ApiError, Routes, applications,
    conditional::File,
    extract::{Id, multipart},
    model,
};
use crate::{
    auth::Caller,
    images::{ImageError, format_of_name},
    state::AppState,
};

/// Bytes of a form beside its image.
const FORM_BYTES: usize = 64 << 10;
/// The image of applications without one.
const DEFAULT_IMAGE: &[u8] = include_bytes!("application.png");

pub(super) fn routes(routes: Routes) -> Routes {
    let most = routes.state().config.max_image_size.bytes();
    let body = DefaultBodyLimit::max(most.saturating_add(FORM_BYTES));
    routes
        .client(routes!(upload).layer(body))
        .client(routes!(delete))
        .public(routes!(image))
        .public(routes!(default_image))
}

/// Sets an application's image: PNG, JPEG, GIF or WebP of at most `max-image-size`
/// in the field `file`.
#[utoipa::path(post, path = "/application/{id}/image", tag = "application",
    params(("id" = i64, Path)), responses(
        (status = 200, body = model::Application), (status = 400), (status = 404), (status = 413),
))]
async fn upload(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Json<model::Application>, ApiError> {
    // Before the upload is read.
    applications::find(&state, &caller, id).await?;
    let parts = parts.map_err(|error| ApiError::bad_request(error.body_text()))?;
    let bytes = file(parts).await?;
    let set = state.images.set(caller.user.id, id, Some(&bytes)).await;
    let row = set?.ok_or_else(|| applications::no_application(id))?;
    Ok(Json(model::Application::from(&row)))
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::TooLong { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            ImageError::NoImage => Self::bad_request(error.to_string()),
            ImageError::Io(error) => Self::internal(error),
            ImageError::Store(error) => error.into(),
        }
    }
}

/// The bytes of the field `file`.
async fn file(mut parts: Multipart) -> Result<Bytes, ApiError> {
    while let Some(part) = parts.next_field().await.map_err(multipart)? {
        if part.name() == Some("file") {
            return part.bytes().await.map_err(multipart);
        }
    }
    Err(ApiError::bad_request(
        "file with key 'file' must be present",
    ))
}

/// Takes an application's image away: it shows the default one.
#[utoipa::path(delete, path = "/application/{id}/image", tag = "application",
    params(("id" = i64, Path)), responses(
        (status = 200, body = model::Application), (status = 400), (status = 404),
))]
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<model::Application>, ApiError> {
    if applications::find(&state, &caller, id)
        .await?
        .image
        .is_none()
    {
        return Err(ApiError::bad_request(format!(
            "app with id {id} does not have a customized image"
        )));
    }
    let row = state
        .images
        .set(caller.user.id, id, None)
        .await?
        .ok_or_else(|| applications::no_application(id))?;
    Ok(Json(model::Application::from(&row)))
}

/// Serves an uploaded image. Its random name is enough to see it, because
/// clients show images where they cannot send a token.
#[utoipa::path(get, path = "/image/{name}", tag = "application",
    params(("name" = String, Path)), responses((status = 200), (status = 404)))]
async fn image(
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let missing = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => ApiError::not_found("image does not exist"),
        _ => ApiError::internal(error),
    };
    let format =
        format_of_name(&name).ok_or_else(|| ApiError::not_found("image does not exist"))?;
    let path = state.images.path(&name);
    let bytes = tokio::fs::read(&path).await.map_err(missing)?;
    let modified = tokio::fs::metadata(&path)
        .await
        .map_err(missing)?
        .modified();
    let file = File {
        bytes: bytes.into(),
        content_type: format.content_type(),
        // The name is of this upload only.
        tag: name,
        modified: modified.ok(),
    };
    Ok(file.respond(&headers))
}

/// Serves the image of applications that have none of their own.
#[utoipa::path(get, path = "/static/defaultapp.png", tag = "application", responses((status = 200)))]
async fn default_image(headers: HeaderMap) -> Response {
    let file = File {
        bytes: Bytes::from_static(DEFAULT_IMAGE),
        content_type: ImageFormat::Png.content_type(),
        tag: concat!("defaultapp-", env!("CARGO_PKG_VERSION")).to_owned(),
        modified: None,
    };
    file.respond(&headers)
}
