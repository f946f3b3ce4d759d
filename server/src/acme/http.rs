//! Requests to the authority, within bounds of size and time. Answers are checked here
//! for the parts that `instant_acme` takes as they are.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header, response::Parts};
use http_body_util::{BodyExt as _, Full, Limited};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use serde::Deserialize;
use url::Url;

use crate::client::{self, Trust};

/// The longest answer, in bytes.
const ANSWER: usize = 1 << 20;
/// The time for a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest pause that an authority may ask for, in seconds.
const PAUSE: u64 = 60 * 60;

/// The way to an authority.
#[derive(Clone, Debug)]
pub(super) struct Http(pub(super) Trust);

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let trust = self.0.clone();
        Box::pin(async move {
            let answer = tokio::time::timeout(PATIENCE, send(&trust, request)).await;
            let (parts, body) = answer
                .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
                .map_err(|cause| Error::Other(cause.into()))?;
            Ok(BytesResponse {
                parts,
                body: Box::new(body),
            })
        })
    }
}

async fn send(
    trust: &Trust,
    request: Request<BodyWrapper<Bytes>>,
) -> Result<(Parts, Bytes), String> {
    let (mut head, body) = request.into_parts();
    let to = address(&head.uri.to_string())?;
    let path = client::path(&to).map_err(|error| error.to_string())?;
    let at = format!("{}{}", client::origin(&to), to.path());
    head.uri = path;
    let is_directory = head.method == Method::GET;
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    let request = Request::from_parts(head, Full::new(body));
    let answer = client::send_trusting(trust, &to, request)
        .await
        .map_err(|error| error.to_string())?;
    let (mut parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER).collect().await;
    let body = body.map_err(|error| format!("{at}: {error}"))?.to_bytes();
    bound_pause(&mut parts);
    if is_directory {
        if parts.status != StatusCode::OK {
            return Err(format!("it answers {}", parts.status));
        }
        check_directory(&body)?;
    } else if !parts.status.is_success() {
        // Words of a proxy, say.
        let problem = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body);
        problem.map_err(|_| format!("{at} answers {}", parts.status))?;
    }
    Ok((parts, body))
}

/// An address to which requests may go: one of HTTPS.
fn address(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|_| "the authority names an address that is none".to_owned())?;
    if url.scheme() != "https" || !url.has_host() {
        return Err(format!(
            "the authority names an address without https: {}",
            client::origin(&url)
        ));
    }
    Ok(url)
}

/// The addresses in a directory.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Directory {
    new_nonce: String,
    new_account: String,
    new_order: String,
}

fn check_directory(body: &[u8]) -> Result<(), String> {
    let directory: Directory =
        serde_json::from_slice(body).map_err(|error| format!("it is no directory: {error}"))?;
    for text in [
        &directory.new_nonce,
        &directory.new_account,
        &directory.new_order,
    ] {
        address(text)?;
        let uri = text.parse::<Uri>();
        uri.map_err(|error| format!("an address in it cannot be used: {error}"))?;
    }
    Ok(())
}

/// Keeps a pause that the authority asks for within a bound.
fn bound_pause(parts: &mut Parts) {
    let Some(value) = parts.headers.remove(header::RETRY_AFTER) else {
        return;
    };
    let text = value.to_str().unwrap_or_default().trim();
    let seconds = if let Ok(seconds) = text.parse::<u64>() {
        seconds
    } else if let Ok(time) = httpdate::parse_http_date(text) {
        let left = time.duration_since(std::time::SystemTime::now());
        left.unwrap_or_default().as_secs()
    } else if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        PAUSE
    } else {
        return;
    };
    parts
        .headers
        .insert(header::RETRY_AFTER, seconds.min(PAUSE).into());
}

#[cfg(test)]
mod tests {
    use http::{Response, header};

    use super::{address, bound_pause, check_directory};

    #[test]
    fn pauses_are_bounded() {
        for (given, kept) in [
            ("7", Some("7")),
            ("18446744073709551615", Some("3600")),
            ("99999999999999999999999", Some("3600")),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some("3600")),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some("0")),
            ("soon", None),
            ("", None),
        ] {
            let answer = Response::builder().header(header::RETRY_AFTER, given);
            let (mut parts, ()) = answer.body(()).unwrap().into_parts();
            bound_pause(&mut parts);
            let found = parts.headers.get(header::RETRY_AFTER);
            assert_eq!(found.map(|value| value.to_str().unwrap()), kept, "{given}");
        }
    }

    #[test]
    fn a_directory_has_addresses_of_https() {
        let with = |nonce: &str| {
            let text = format!(
                r#"{{"newNonce":"{nonce}","newAccount":"https://a/b","newOrder":"https://a/c"}}"#
            );
            check_directory(text.as_bytes())
        };
        assert_eq!(with("https://a/n"), Ok(()));
        for wrong in [
            "",
            "http://a/n",
            "https://a/ n",
            "nonce",
            "https://a/\\u0000",
        ] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        assert!(
            check_directory(b"<html>")
                .unwrap_err()
                .contains("no directory")
        );
        assert!(address("ftp://a/b").unwrap_err().contains("without https"));
    }
}
