//! A webhook that knows nothing of the contract's `webhook`: it exports the
//! standard's `wasi:http/incoming-handler`, as a component of another ecosystem
//! would, and answers with the request as it saw it.

use mortise_plugin::prelude::*;

struct PluginDescription;

impl Plugin for PluginDescription {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.test.handler", "Handler")
            .version(env!("CARGO_PKG_VERSION"))
            .wants(Permission::Webhook, "to answer requests")
    }

    fn new(_context: Context) -> Self {
        Self
    }
}

mortise_plugin::export!(PluginDescription);

#[cfg(target_family = "wasm")]
mod handler {
    use std::io::{Read as _, Write as _};

    use wasip2::http::types::{
        Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
    };

    struct Handler;

    impl wasip2::exports::http::incoming_handler::Guest for Handler {
        /// `/trap`, `/silent` and `/flood` misbehave as they say.
        fn handle(request: IncomingRequest, answer_to: ResponseOutparam) {
            let path = request.path_with_query().unwrap_or_default();
            assert!(!path.contains("/trap"), "asked to trap");
            if path.contains("/silent") {
                return;
            }
            let headers = Fields::new();
            let _ = headers.append("content-type", b"text/plain");
            let response = OutgoingResponse::new(headers);
            let _ = response.set_status_code(201);
            let Ok(body) = response.body() else { return };
            ResponseOutparam::set(answer_to, Ok(response));
            if let Ok(mut out) = body.write() {
                if path.contains("/flood") {
                    while out.write_all(&[b'.'; 4096]).is_ok() {}
                } else {
                    let _ = out.write_all(seen(&request, &path).as_bytes());
                }
                let _ = out.flush();
            }
            let _ = OutgoingBody::finish(body, None);
        }
    }

    /// The request, a line for each part.
    fn seen(request: &IncomingRequest, path: &str) -> String {
        let mut text = format!(
            "{:?} {:?} {} {path}\n",
            request.method(),
            request.scheme(),
            request.authority().unwrap_or_default()
        );
        let mut headers: Vec<_> = request
            .headers()
            .entries()
            .into_iter()
            .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(&value)))
            .collect();
        headers.sort();
        text.extend(headers);
        let mut body = String::new();
        if let Ok(incoming) = request.consume()
            && let Ok(mut stream) = incoming.stream()
        {
            let _ = stream.read_to_string(&mut body);
        }
        text + &body
    }

    wasip2::http::proxy::export!(Handler);
}
