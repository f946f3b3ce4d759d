//! Images of applications. The server recognizes an uploaded image by its first
//! bytes and never by its name, and gives it a new name.

use std::path::PathBuf;

use axum::{
    Json,
    extract::{DefaultBodyLimit, Multipart, Path, State, multipart::MultipartRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use bytes::Bytes;
use mortise_runtime::files;
use utoipa_axum::{router::UtoipaMethodRouterExt as _, routes};

use super::{
    ApiError, Routes, applications,
    conditional::File,
    extract::{Id, multipart},
    model,
};
use crate::{auth::Caller, state::AppState};

/// Bytes of a form beside its image.
const FORM_BYTES: usize = 64 << 10;
/// The image of applications without one.
const DEFAULT_IMAGE: &[u8] = include_bytes!("application.png");
/// Random bytes of a file's name.
const NAME_BYTES: usize = 16;

pub(super) fn routes(routes: Routes) -> Routes {
    let most = routes.state().config.max_image_size.bytes();
    let body = DefaultBodyLimit::max(most.saturating_add(FORM_BYTES));
    routes
        .client(routes!(upload).layer(body))
        .client(routes!(delete))
        .public(routes!(image))
        .public(routes!(default_image))
}

/// A format that browsers show only as an image; SVG can hold scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    Gif,
    Webp,
}

impl Format {
    const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Gif, Self::Webp];

    fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp)
        } else {
            None
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The format of a file that [`upload`] named, and of no other.
    fn of_name(name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.')?;
        let ours = stem.len() == 2 * NAME_BYTES && stem.bytes().all(|b| b.is_ascii_hexdigit());
        Self::ALL
            .into_iter()
            .find(|format| ours && format.extension() == extension)
    }
}

/// A name for a file of these bytes, under which it is served; none if they are no
/// image. `digits` are the random part.
pub(crate) fn file_name(bytes: &[u8], digits: [u8; NAME_BYTES]) -> Option<String> {
    let format = Format::of(bytes)?;
    Some(format!("{}.{}", hex::encode(digits), format.extension()))
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
    let before = applications::find(&state, &caller, id).await?;
    let parts = parts.map_err(|error| ApiError::bad_request(error.body_text()))?;
    let bytes = file(parts).await?;
    let most = state.config.max_image_size;
    if bytes.len() > most.bytes() {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the image has {} bytes; this server accepts {most}, set by --max-image-size",
                bytes.len()
            ),
        ));
    }
    let format = Format::of(&bytes)
        .ok_or_else(|| ApiError::bad_request("file must be an image: PNG, JPEG, GIF or WebP"))?;
    let mut name = [0; NAME_BYTES];
    getrandom::fill(&mut name).map_err(ApiError::internal)?;
    let name = format!("{}.{}", hex::encode(name), format.extension());
    files::make_private_folder(&state.config.images_dir()).map_err(ApiError::internal)?;
    tokio::fs::write(path(&state, &name), &bytes)
        .await
        .map_err(ApiError::internal)?;
    let row = match state.store.set_image(caller.user.id, id, Some(&name)).await {
        Ok(Some(row)) => row,
        failed => {
            remove(&state, &name).await;
            failed?;
            return Err(applications::no_application(id));
        }
    };
    if let Some(before) = before.image {
        remove(&state, &before).await;
    }
    Ok(Json(model::Application::from(&row)))
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
    let Some(before) = applications::find(&state, &caller, id).await?.image else {
        return Err(ApiError::bad_request(format!(
            "app with id {id} does not have a customized image"
        )));
    };
    let row = state
        .store
        .set_image(caller.user.id, id, None)
        .await?
        .ok_or_else(|| applications::no_application(id))?;
    remove(&state, &before).await;
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
        Format::of_name(&name).ok_or_else(|| ApiError::not_found("image does not exist"))?;
    let path = path(&state, &name);
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
        content_type: Format::Png.content_type(),
        tag: concat!("defaultapp-", env!("CARGO_PKG_VERSION")).to_owned(),
        modified: None,
    };
    file.respond(&headers)
}

/// Removes a file that no application shows. A remaining file does no harm.
pub(super) async fn remove(state: &AppState, name: &str) {
    if let Err(error) = tokio::fs::remove_file(path(state, name)).await {
        tracing::warn!(%error, name, "an image was not removed");
    }
}

fn path(state: &AppState, name: &str) -> PathBuf {
    state.config.images_dir().join(name)
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_IMAGE, Format};

    #[test]
    fn images_are_known_by_their_first_bytes() {
        assert_eq!(Format::of(DEFAULT_IMAGE), Some(Format::Png));
        assert_eq!(Format::of(b"GIF89a..."), Some(Format::Gif));
        assert_eq!(Format::of(b"\xff\xd8\xff\xe0"), Some(Format::Jpeg));
        assert_eq!(Format::of(b"RIFF....WEBPVP8 "), Some(Format::Webp));
        for other in ["", "RIFF....WAVE", "<svg/>", "<html>", "RIFF"] {
            assert_eq!(Format::of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn only_names_of_ours_are_served() {
        let stem = "0123456789abcdef0123456789abcdef";
        assert_eq!(Format::of_name(&format!("{stem}.png")), Some(Format::Png));
        for other in [
            "../mortise.db",
            "a.png",
            ".png",
            &format!("{stem}.svg"),
            &format!("{stem}.png.html"),
            &format!("{stem}/../x.png"),
        ] {
            assert_eq!(Format::of_name(other), None, "{other}");
        }
    }
}
