//! The server's description of its own API: as JSON for programs, and as a page
//! for people. The page has no scripts.

use std::fmt::Write as _;

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use utoipa::openapi::{OpenApi, RefOr, Required, path::Operation, path::ParameterIn};

use crate::state::AppState;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem;color:#222;background:#fff}code{font-size:.95em}h2{margin-top:2.5rem}\
    details{border:1px solid #ccc;border-radius:4px;margin:.4rem 0;padding:.4rem .8rem}\
    summary{cursor:pointer}b{display:inline-block;min-width:4.5rem}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}a{color:#8bf}}";

/// The page loads nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
);

/// `/openapi.json`, the same as `/swagger`, and the page `/docs`.
pub(super) fn routes(description: &OpenApi) -> Router<AppState> {
    let page = Bytes::from(page(description));
    let json = description.to_json().map(Bytes::from).ok();
    let page = async move || {
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ];
        (headers, page)
    };
    let json = async move || served(json);
    Router::new()
        .route("/docs", get(page))
        .route("/openapi.json", get(json.clone()))
        .route("/swagger", get(json))
}

fn served(json: Option<Bytes>) -> Response {
    match json {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        None => super::ApiError::internal("the API's description is not JSON").into_response(),
    }
}

fn page(description: &OpenApi) -> String {
    let info = &description.info;
    let mut page = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">");
    let title = escape(&info.title);
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<meta name=\"viewport\" content=\"width=device-width\"><title>{title} API</title>\
         <style>{STYLE}</style><h1>{title} API</h1><p>{}</p>\
         <p>The same as JSON: <a href=\"openapi.json\">openapi.json</a>.</p>",
        escape(info.description.as_deref().unwrap_or_default())
    );
    let mut operations: Vec<_> = description
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| {
            [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("DELETE", &item.delete),
            ]
            .into_iter()
            .filter_map(move |(method, operation)| Some((path, method, operation.as_ref()?)))
        })
        .collect();
    operations.sort_by_key(|(path, _, operation)| (tag(operation), *path));
    let mut section = "";
    for (path, method, operation) in operations {
        if tag(operation) != section {
            section = tag(operation);
            let _ = write!(page, "<h2>{}</h2>", escape(section));
        }
        write_operation(&mut page, path, method, operation);
    }
    page.push_str("</html>\n");
    page
}

fn tag(operation: &Operation) -> &str {
    let tags = operation.tags.as_deref().unwrap_or_default();
    tags.first().map_or("other", String::as_str)
}

fn write_operation(page: &mut String, path: &str, method: &str, operation: &Operation) {
    let text = |text: &Option<String>| escape(text.as_deref().unwrap_or_default());
    let _ = write!(
        page,
        "<details><summary><b>{method}</b> <code>{}</code> {}</summary><p>{}</p>",
        escape(path),
        text(&operation.summary),
        text(&operation.description)
    );
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    if !parameters.is_empty() {
        page.push_str("<ul>");
        for parameter in parameters {
            let RefOr::T(parameter) = parameter else {
                continue;
            };
            let place = match parameter.parameter_in {
                ParameterIn::Query => "query",
                ParameterIn::Path => "path",
                ParameterIn::Header => "header",
                _ => "cookie",
            };
            let optional = match parameter.required {
                Required::True => "",
                Required::False => ", optional",
            };
            let _ = write!(
                page,
                "<li><code>{}</code> ({place}{optional}) {}</li>",
                escape(&parameter.name),
                text(&parameter.description)
            );
        }
        page.push_str("</ul>");
    }
    page.push_str("<ul>");
    for status in operation.responses.responses.keys() {
        let _ = write!(page, "<li>answers <code>{}</code></li>", escape(status));
    }
    page.push_str("</ul></details>");
}

/// Escapes a text for HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
