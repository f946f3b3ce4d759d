//! The newest version of a repository.

use http::{HeaderMap, Method, StatusCode, header};
use semver::Version;
use serde::Deserialize;
use url::Url;

use super::{
    Access, Reference, RegistryError,
    session::{Ask, Session},
};
use crate::client;

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
pub async fn newest(reference: &Reference, access: &Access) -> Result<Reference, RegistryError> {
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
    for name in tags(reference, access).await? {
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

async fn tags(reference: &Reference, access: &Access) -> Result<Vec<String>, RegistryError> {
    #[derive(Deserialize)]
    struct Tags {
        tags: Option<Vec<String>>,
    }
    const WHAT: &str = "the request for tags";
    let session = Session::new(reference, access, "pull")?;
    let mut url = session.url("tags/list")?;
    url.query_pairs_mut().append_pair("n", &PAGE.to_string());
    let mut all: Vec<String> = Vec::new();
    for _ in 0..PAGES {
        let ask = Ask::new(Method::GET, url.clone(), WHAT);
        let answer = session.send(&ask).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                return Err(RegistryError::Unknown(reference.to_string().into()));
            }
            status => return Err(session.answer(WHAT, status)),
        }
        let next = next_page(&url, answer.headers());
        let body = session.body(WHAT, answer, PAGE_BYTES).await?;
        let page: Tags =
            serde_json::from_slice(&body).map_err(|error| session.answer(WHAT, error))?;
        all.extend(page.tags.unwrap_or_default());
        let Some(next) = next else {
            break;
        };
        if !session.is_own(&next) {
            let text = format!("a next page at {}, another host", client::origin(&next));
            return Err(session.answer(WHAT, text));
        }
        url = next;
    }
    Ok(all)
}

/// Returns the address of the next page, which the header `Link` names. Its form is
/// the registry's own: some use the last tag, others a cursor.
fn next_page(from: &Url, headers: &HeaderMap) -> Option<Url> {
    let texts = headers.get_all(header::LINK).iter();
    texts
        .filter_map(|text| text.to_str().ok())
        .flat_map(links)
        .find(|(_, parameters)| is_next(parameters))
        .and_then(|(address, _)| from.join(address).ok())
}

/// Splits `<address>; parameters, <address>; parameters`. An address may contain commas.
fn links(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('<')
        .skip(1)
        .filter_map(|link| link.split_once('>'))
}

fn is_next(parameters: &str) -> bool {
    parameters.split([';', ',']).any(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else {
            return false;
        };
        let mut kinds = value.trim().trim_matches('"').split_whitespace();
        name.trim().eq_ignore_ascii_case("rel")
            && kinds.any(|kind| kind.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        extract::{OriginalUri, Request},
        response::IntoResponse as _,
    };
    use http::{HeaderMap, header};
    use serde_json::json;
    use tokio::net::TcpListener;
    use url::Url;

    use super::{PAGES, newest, next_page};
    use crate::oci::{Access, Reference, RegistryError};

    /// A registry whose pages of tags are named by a cursor. `next` returns the header
    /// `Link` of a page.
    async fn registry(next: fn(usize) -> Option<String>) -> Reference {
        let app = Router::new().fallback(async move |OriginalUri(uri), _: Request| {
            assert_eq!(uri.path(), "/v2/test/tags/list");
            let query = uri.query().unwrap_or_default();
            let cursor = query
                .split('&')
                .find_map(|part| part.strip_prefix("next_page=c-"));
            let page: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
            let tags = Json(json!({ "name": "test", "tags": [format!("1.{page}.0"), "latest"] }));
            let head = next(page).map(|next| [(header::LINK, next)]);
            (head.map(axum::response::AppendHeaders), tags).into_response()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        format!("oci://{host}/test:1.0.0").parse().unwrap()
    }

    fn linked(page: usize) -> String {
        format!(
            "</v2/test/tags/list?next_page=c-{}&n=2>; rel=\"next\"",
            page + 1
        )
    }

    #[tokio::test]
    async fn pages_are_followed_by_the_address_that_the_registry_names() {
        let access = Access::of_environment(None);
        let reference = registry(|page| (page < 3).then(|| linked(page))).await;
        let found = newest(&reference, &access).await.unwrap();
        assert_eq!(found.tag(), Some("1.3.0"));

        // Without an end.
        let reference = registry(|page| Some(linked(page))).await;
        let found = newest(&reference, &access).await.unwrap();
        let last = format!("1.{}.0", PAGES - 1);
        assert_eq!(found.tag(), Some(&*last));

        let reference = registry(|_| Some("<http://other.example/>; rel=next".to_owned())).await;
        let error = newest(&reference, &access).await.unwrap_err();
        assert!(matches!(error, RegistryError::Answer { .. }), "{error}");
        assert!(
            error.to_string().contains("http://other.example"),
            "{error}"
        );
    }

    #[test]
    fn the_next_page_is_found_among_other_links() {
        let from = Url::parse("https://registry.example/v2/test/tags/list?n=1").unwrap();
        let next = |links: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for link in links {
                headers.append(header::LINK, link.parse().unwrap());
            }
            next_page(&from, &headers).map(|url| url[url::Position::BeforePath..].to_owned())
        };
        assert_eq!(next(&[]), None);
        assert_eq!(next(&["</a>; rel=\"prev\""]), None);
        assert_eq!(next(&["nothing"]), None);
        for links in [
            &["</b?x=1,2>; rel=\"next\""][..],
            &["</a>; rel=prev, </b?x=1,2>; title=\"b\"; REL=Next"],
            &["</a>; rel=first", "</b?x=1,2>;rel=\"last next\""],
        ] {
            assert_eq!(next(links).as_deref(), Some("/b?x=1,2"), "{links:?}");
        }
    }
}
