//! The newest version of a repository.

use http::{Method, StatusCode};
use semver::Version;
use serde::Deserialize;

use super::{
    DockerFile, Reference, RegistryError,
    session::{Ask, Session},
};

/// The longest page of tags, in bytes.
const PAGE_BYTES: usize = 1 << 20;
/// Tags on a page.
const PAGE: usize = 1000;
/// Pages that are read.
const PAGES: usize = 20;

/// Returns the reference of the newest version. If the tag is a semantic version,
/// it is the highest release in the repository, unless none is higher; otherwise
/// it is the same tag, which may have moved.
///
/// # Errors
///
/// [`RegistryError`]; [`RegistryError::NoUpdates`] if the reference has a digest.
pub async fn newest(
    reference: &Reference,
    docker: &DockerFile,
) -> Result<Reference, RegistryError> {
    if reference.digest().is_some() {
        let text = format!(
            "{reference} names its version by digest, so it has no newer one; install another \
             with mortise plugin install"
        );
        return Err(RegistryError::NoUpdates(text.into()));
    }
    let tag = reference.tag().unwrap_or("latest");
    let Some(mut highest) = version(tag) else {
        return Ok(reference.clone());
    };
    let mut newest = tag.to_owned();
    for name in tags(reference, docker).await? {
        if let Some(version) = version(&name)
            && version.pre.is_empty()
            && version > highest
        {
            (highest, newest) = (version, name);
        }
    }
    Ok(reference.with_tag(&newest))
}

/// Parses a tag; a `v` before the number is usual.
fn version(tag: &str) -> Option<Version> {
    tag.strip_prefix('v').unwrap_or(tag).parse().ok()
}

async fn tags(reference: &Reference, docker: &DockerFile) -> Result<Vec<String>, RegistryError> {
    #[derive(Deserialize)]
    struct Tags {
        tags: Option<Vec<String>>,
    }
    const WHAT: &str = "the request for tags";
    let session = Session::new(reference, docker, "pull")?;
    let mut all: Vec<String> = Vec::new();
    for _ in 0..PAGES {
        let mut url = session.url("tags/list")?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("n", &PAGE.to_string());
            if let Some(last) = all.last() {
                query.append_pair("last", last);
            }
        }
        let answer = session.send(&Ask::new(Method::GET, url, WHAT)).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                return Err(RegistryError::Unknown(reference.to_string().into()));
            }
            status => return Err(session.answer(WHAT, status)),
        }
        let is_last = !answer.headers().contains_key(http::header::LINK);
        let body = session.body(WHAT, answer, PAGE_BYTES).await?;
        let page: Tags =
            serde_json::from_slice(&body).map_err(|error| session.answer(WHAT, error))?;
        let page = page.tags.unwrap_or_default();
        let is_empty = page.is_empty();
        all.extend(page);
        if is_last || is_empty {
            break;
        }
    }
    Ok(all)
}
