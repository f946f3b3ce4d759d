//! Commands: they go on when their request is given up, so that none is half carried out,
//! and files that come with them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{extract::Request, http::header};
use http_body_util::BodyExt as _;
use mortise_runtime::Digest;
use serde::Deserialize;
use tempfile::TempPath;
use utoipa::IntoParams;

use super::ApiError;
use crate::{
    hosting::arriving::Arriving,
    plugins::{CommandError, Plugins},
    state::AppState,
};

/// A file in the body of a request.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Uploaded {
    /// The digest that it must have: `sha256:` and 64 hexadecimal digits.
    #[param(value_type = Option<String>)]
    pub(super) digest: Option<Digest>,
    /// Its signature: what minisign wrote into `NAME.minisig`.
    pub(super) signature: Option<String>,
    /// Its file name, by which its process is known.
    pub(super) name: Option<String>,
}

/// Takes a request's body for a file. `arrived` is told the bytes that are here, and
/// their number in the end, if the request announces it.
pub(super) async fn receive(
    state: &AppState,
    request: Request,
    digest: Option<Digest>,
    mut arrived: impl FnMut(u64, Option<u64>),
) -> Result<TempPath, ApiError> {
    let total = request.headers().get(header::CONTENT_LENGTH);
    let total = total.and_then(|total| total.to_str().ok()?.parse().ok());
    let mut bytes_here = 0;
    let mut arriving = Arriving::new(&state.config.uploads_dir()).await?;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| ApiError::bad_request("the request's body did not arrive"))?;
        if let Some(bytes) = frame.data_ref() {
            arriving.write(bytes).await?;
            bytes_here += bytes.len() as u64;
            arrived(bytes_here, total);
        }
    }
    Ok(arriving.finish(digest).await?)
}

/// Has a report name a file as its sender does: its name here says nothing to them.
pub(super) fn named(error: CommandError, file: &Path, called: PathBuf) -> CommandError {
    match error {
        CommandError::Load(mut report) if report.file == *file => {
            report.file = called;
            CommandError::Load(report)
        }
        other => other,
    }
}

/// Carries out a command to its end, whatever becomes of its request.
pub(super) async fn carry_out<T, Error, Done>(
    state: &AppState,
    command: impl FnOnce(Arc<Plugins>) -> Done,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    Error: Into<ApiError> + Send + 'static,
    Done: Future<Output = Result<T, Error>> + Send + 'static,
{
    let done = state.plugins.carry_out(command(Arc::clone(&state.plugins)));
    done.await.map_err(ApiError::internal)?.map_err(Into::into)
}
