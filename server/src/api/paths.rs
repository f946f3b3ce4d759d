//! Paths as senders write them: slashes doubled, or one too many at the end.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery},
    response::{IntoResponse as _, Response},
};
use utoipa::openapi::{OpenApi, PathItem};

use super::ApiError;
use crate::{config::PathPrefix, page};

/// The path of a request as the client sent it, if its slashes were collapsed.
#[derive(Clone, Debug)]
struct Sent(String);

/// Collapses doubled slashes of a request's path.
pub(crate) fn collapse_slashes(request: &mut Request) {
    let uri = request.uri();
    if !uri.path().contains("//") {
        return;
    }
    let mut target = String::with_capacity(uri.path().len());
    for character in uri.path().chars() {
        if character != '/' || !target.ends_with('/') {
            target.push(character);
        }
    }
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    if let Ok(target) = PathAndQuery::try_from(target) {
        parts.path_and_query = Some(target);
        if let Ok(collapsed) = Uri::from_parts(parts) {
            let sent = std::mem::replace(request.uri_mut(), collapsed);
            request
                .extensions_mut()
                .insert(Sent(sent.path().to_owned()));
        }
    }
}

/// The paths and methods of all routes, and the prefix of their addresses.
#[derive(Clone, Debug)]
pub(super) struct Known {
    routes: Vec<(Vec<String>, Vec<Method>)>,
    prefix: PathPrefix,
}

impl Known {
    pub(super) fn of(description: &OpenApi, prefix: &PathPrefix) -> Self {
        let paths = description.paths.paths.iter();
        Self {
            routes: paths
                .map(|(path, item)| (segments(path), methods(item)))
                .collect(),
            prefix: prefix.clone(),
        }
    }

    fn has(&self, method: &Method, path: &str) -> bool {
        let wanted = segments(path);
        self.routes.iter().any(|(template, methods)| {
            methods.contains(method)
                && template.len() == wanted.len()
                && template.iter().zip(&wanted).all(|(template, wanted)| {
                    template == wanted || (template.starts_with('{') && !wanted.is_empty())
                })
        })
    }

    /// Answers a request that no route matches: with a redirect if a slash at the
    /// end, or its absence, is the reason, and otherwise with the page, if the
    /// address is one of the page's.
    pub(super) async fn fallback(self, request: Request) -> Response {
        let (method, uri) = (request.method(), request.uri());
        let other = match uri.path().strip_suffix('/') {
            Some(without) => without.to_owned(),
            None => format!("{}/", uri.path()),
        };
        if !self.has(method, &other) {
            let sent = request.extensions().get::<Sent>();
            let sent = sent.map_or(uri.path(), |Sent(path)| path);
            let root = page::root(&self.prefix, sent);
            let page = page::serve(method, uri, request.headers(), &root);
            return page.unwrap_or_else(|| ApiError::not_found("page not found").into_response());
        }
        let target = match uri.query() {
            Some(query) => format!("{other}?{query}"),
            None => other,
        };
        let Ok(target) = HeaderValue::try_from(target) else {
            return ApiError::not_found("page not found").into_response();
        };
        let status = match *method {
            Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
            _ => StatusCode::TEMPORARY_REDIRECT,
        };
        (status, [(header::LOCATION, target)]).into_response()
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

fn methods(item: &PathItem) -> Vec<Method> {
    [
        (&item.get, Method::GET),
        (&item.get, Method::HEAD),
        (&item.put, Method::PUT),
        (&item.post, Method::POST),
        (&item.delete, Method::DELETE),
        (&item.options, Method::OPTIONS),
        (&item.head, Method::HEAD),
        (&item.patch, Method::PATCH),
        (&item.trace, Method::TRACE),
    ]
    .into_iter()
    .filter_map(|(operation, method)| operation.is_some().then_some(method))
    .collect()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request};

    use super::collapse_slashes;

    #[test]
    fn doubled_slashes_are_collapsed_in_the_path_only() {
        for (uri, expected) in [
            ("//message?a=//b", "/message?a=//b"),
            ("/a///b//", "/a/b/"),
            ("http://host//stream", "http://host/stream"),
            ("//", "/"),
            ("/a%2F%2Fb", "/a%2F%2Fb"),
            ("/message", "/message"),
        ] {
            let mut request = Request::builder().uri(uri).body(Body::empty()).unwrap();
            collapse_slashes(&mut request);
            assert_eq!(request.uri().to_string(), expected, "{uri}");
        }
    }
}
