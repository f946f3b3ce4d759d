//! Finds credentials in a request, and tells whether another site's page made
//! it. Knows nothing of who they belong to.

use axum::http::{HeaderMap, Method, header, request::Parts};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{AuthError, Token};
use crate::Config;

/// The cookie of a session.
pub const COOKIE: &str = "gotify-client-token";
/// The longest possible token.
const TOKEN_BYTES: usize = 256;

/// A name and a password.
pub(super) struct Basic {
    pub(super) name: String,
    pub(super) password: String,
}

/// A token that a request brings.
pub(super) struct Presented {
    pub(super) token: Token,
    /// Whether a browser sent it by itself.
    pub(super) in_cookie: bool,
}

/// The token that a request brings, if any.
///
/// # Errors
///
/// [`AuthError::CrossSite`] for a cookie in a request that another site made.
pub(super) fn token(request: &Parts) -> Result<Option<Presented>, AuthError> {
    let headers = &request.headers;
    let query = || {
        let query = request.uri.query()?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, value)| name == "token" && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    };
    let header = || {
        let value = headers.get("x-gotify-key")?.to_str().ok()?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    let bearer = || scheme(headers, "bearer").map(str::to_owned);
    if let Some(token) = query().or_else(header).or_else(bearer) {
        return Ok(presented(&token, false));
    }
    let Some(token) = cookie(headers) else {
        return Ok(None);
    };
    if changes(request) && is_cross_site(&request.headers) {
        return Err(AuthError::CrossSite);
    }
    Ok(presented(token, true))
}

/// The token that a request brings by its own doing, and not by a browser's.
pub(crate) fn presented_token(request: &Parts) -> Option<Token> {
    let presented = token(request).ok().flatten()?;
    (!presented.in_cookie).then_some(presented.token)
}

fn presented(token: &str, in_cookie: bool) -> Option<Presented> {
    (token.len() <= TOKEN_BYTES).then(|| Presented {
        token: Token::from_request(token),
        in_cookie,
    })
}

/// The name and password that a request brings, if any.
///
/// # Errors
///
/// [`AuthError::CrossSite`] in a request that another site made, unless the settings allow that site.
pub(super) fn basic(request: &Parts, config: &Config) -> Result<Option<Basic>, AuthError> {
    let Some(encoded) = scheme(&request.headers, "basic") else {
        return Ok(None);
    };
    let Some(basic) = decode_basic(encoded) else {
        return Ok(None);
    };
    if changes(request) && is_cross_site(&request.headers) && !config.cors.allows(&request.headers)
    {
        return Err(AuthError::CrossSite);
    }
    Ok(Some(basic))
}

fn decode_basic(encoded: &str) -> Option<Basic> {
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some(Basic {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

/// Returns the text after a scheme in the header `Authorization`.
fn scheme<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (name, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    (name.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_in(headers, COOKIE)
}

/// The value of a cookie; none if it is empty.
pub(crate) fn cookie_in<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == wanted && !value.is_empty())
        .map(|(_, value)| value)
}

/// Whether a request may change something. A WebSocket begins with a GET, but the
/// browser does not hold its answer back from another site.
fn changes(request: &Parts) -> bool {
    !matches!(request.method, Method::GET | Method::HEAD)
        || request.headers.contains_key(header::UPGRADE)
}

/// Returns true if a page of another origin made the request. Programs other
/// than browsers do not send these headers.
pub fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => !matches!(site, "same-origin" | "none"),
        None => match headers.get(header::ORIGIN) {
            None => false,
            Some(origin) => {
                let host = origin
                    .to_str()
                    .ok()
                    .and_then(|origin| origin.split_once("://"))
                    .map(|(_, host)| host);
                host.is_none() || host != text("host")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::http::{Method, Request, request::Parts};

    use super::{basic, token};
    use crate::Config;

    fn request(method: Method, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn found(uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        token(&request(Method::GET, uri, headers))
            .unwrap()
            .map(|found| found.token.reveal().to_owned())
    }

    #[test]
    fn a_token_may_stand_in_four_places() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found("/?a=b&token=C1", &[]), some("C1"));
        assert_eq!(found("/?token=%43%31", &[]), some("C1"));
        assert_eq!(found("/", &[("x-gotify-key", "C2")]), some("C2"));
        assert_eq!(found("/", &[("authorization", "Bearer C3")]), some("C3"));
        assert_eq!(found("/", &[("authorization", "bearer  C3")]), some("C3"));
        assert_eq!(
            found("/", &[("cookie", "a=b; gotify-client-token=C4")]),
            some("C4")
        );
        assert_eq!(
            found("/?token=C1", &[("x-gotify-key", "C2"), ("cookie", "x=y")]),
            some("C1")
        );
        assert_eq!(found("/?token=", &[("x-gotify-key", "")]), None);
        assert_eq!(found("/", &[("authorization", "Basic QTpC")]), None);
        assert_eq!(found("/", &[("x-gotify-key", &"C".repeat(300))]), None);
    }

    #[test]
    fn a_name_and_password_are_decoded() {
        let decode = |value: &str| {
            let config = Config::on(Path::new("data"));
            basic(
                &request(Method::GET, "/", &[("authorization", value)]),
                &config,
            )
            .unwrap()
            .map(|basic| (basic.name, basic.password))
        };
        assert_eq!(
            decode("Basic YW5uOmE6Yg=="),
            Some(("ann".to_owned(), "a:b".to_owned()))
        );
        for wrong in ["Basic", "Basic !", "Basic YW5u", "Bearer YW5uOmE6Yg=="] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn another_site_does_not_use_a_cookie() {
        let cookie = ("cookie", "gotify-client-token=C1");
        let refused = |method, headers: &[(&str, &str)]| {
            let mut all = vec![cookie, ("host", "push.example")];
            all.extend(headers);
            token(&request(method, "/", &all)).is_err()
        };
        assert!(refused(Method::POST, &[("sec-fetch-site", "cross-site")]));
        assert!(refused(Method::POST, &[("sec-fetch-site", "same-site")]));
        assert!(refused(
            Method::DELETE,
            &[("origin", "https://evil.example")]
        ));
        assert!(refused(Method::POST, &[("origin", "null")]));
        let upgrade = ("upgrade", "websocket");
        assert!(refused(
            Method::GET,
            &[upgrade, ("origin", "https://evil.example")]
        ));
        assert!(!refused(
            Method::GET,
            &[upgrade, ("origin", "https://push.example")]
        ));
        assert!(!refused(Method::GET, &[("sec-fetch-site", "cross-site")]));
        assert!(!refused(Method::POST, &[("sec-fetch-site", "same-origin")]));
        assert!(!refused(Method::POST, &[]));
    }
}
