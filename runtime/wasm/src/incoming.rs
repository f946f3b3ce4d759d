//! Webhooks for components that export `wasi:http/incoming-handler` instead of
//! the contract's `webhook`: the same request and response, in the standard's
//! form.

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use wasmtime::{Store, component::Instance};
use wasmtime_wasi_http::{
    WasiHttpView as _,
    p2::bindings::{exports::wasi::http::incoming_handler::GuestIndices, http::types::Scheme},
};

use super::store::State;
use mortise_runtime::{
    contract::types::{Header, WebhookRequest, WebhookResponse},
    limits::WEBHOOK_RESPONSE_BYTES,
    text::cut,
};

/// Calls the handler and collects its whole answer.
///
/// # Errors
///
/// A trap, no answer, or one that breaks HTTP or the bound on its size.
pub(super) async fn handle(
    store: &mut Store<State>,
    instance: &Instance,
    indices: &GuestIndices,
    request: http::Request<Full<Bytes>>,
) -> wasmtime::Result<WebhookResponse> {
    let scheme = if request.uri().scheme_str() == Some("https") {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let guest = indices.load(&mut *store, instance)?;
    let (sender, mut answer) = tokio::sync::oneshot::channel();
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(scheme, request)?;
    let answer_to = http.new_response_outparam(sender)?;
    let mut call = pin!(guest.call_handle(&mut *store, request, answer_to));
    // A guest that traps leaves its answer unset, not dropped: only the end of
    // the call tells that none will come.
    let (answer, returned) = tokio::select! {
        biased;
        answer = &mut answer => (answer.ok(), false),
        called = &mut call => {
            called?;
            (answer.try_recv().ok(), true)
        }
    };
    let Some(answer) = answer else {
        wasmtime::bail!("the handler returned without setting a response");
    };
    let (head, body) = answer
        .map_err(|code| wasmtime::format_err!("the handler answered with {code:?}"))?
        .into_parts();
    // It writes the body while it runs, so both go on together.
    let body = async {
        Limited::new(body, WEBHOOK_RESPONSE_BYTES)
            .collect()
            .await
            .map_err(|error| wasmtime::format_err!("the response's body: {error}"))
    };
    let rest = async { if returned { Ok(()) } else { call.await } };
    let (body, ()) = tokio::try_join!(body, rest)?;
    Ok(WebhookResponse {
        status: head.status.as_u16(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| Header {
                name: name.as_str().to_owned(),
                value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            })
            .collect(),
        body: body.to_bytes().into(),
    })
}

/// The contract's request in the standard's form. What the standard has no
/// place for goes into the headers a reverse proxy would set.
///
/// # Errors
///
/// A request that the standard has no form for, as a phrase: by its method, its
/// host or a header. Its sender is at fault.
pub(super) fn request(request: WebhookRequest) -> Result<http::Request<Full<Bytes>>, String> {
    if request.host.is_empty() {
        return Err("it names no host".to_owned());
    }
    let host = &request.host;
    if host.parse::<http::uri::Authority>().is_err() {
        return Err(format!("`{}` is not one host", cut(host, 256)));
    }
    let query = request
        .query
        .map_or_else(String::new, |query| format!("?{query}"));
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(format!(
            "{}://{}{}{}{query}",
            request.scheme, request.host, request.base_path, request.path
        ))
        .header("x-forwarded-for", request.client)
        .header("x-forwarded-prefix", request.base_path);
    // Its sender or a proxy may have set these, too.
    let is_set = |name: &str| {
        let set = ["x-forwarded-for", "x-forwarded-prefix"];
        set.iter().any(|set| name.eq_ignore_ascii_case(set))
    };
    for header in request.headers {
        if !is_set(&header.name) {
            // As bytes: text beyond ASCII is allowed there, if not liked.
            builder = builder.header(header.name, header.value.as_bytes());
        }
    }
    builder
        .body(Full::new(Bytes::from(request.body)))
        .map_err(|error| error.to_string())
}
