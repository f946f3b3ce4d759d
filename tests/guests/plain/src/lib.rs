//! A component for the standard's interfaces, as one of another ecosystem would
//! be: it greets, and counts its requests.
#![cfg(target_family = "wasm")]

mod drafts {
    #![allow(missing_docs, unreachable_pub, unsafe_code, reason = "generated")]

    wit_bindgen::generate!({ path: "wit", world: "drafts", generate_all });
}

use std::io::Write as _;

use drafts::wasi::{
    config::store::{get, get_all},
    keyvalue::{
        batch::{get_many, set_many},
        store::open,
    },
    logging::logging::{Level, log},
};
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Plain;

impl wasip2::exports::http::incoming_handler::Guest for Plain {
    fn handle(request: IncomingRequest, answer_to: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, text) = match greeted() {
            Ok(text) => (200, text),
            Err(error) => (500, error),
        };
        log(Level::Info, "http", &format!("{path} is answered"));
        let response = OutgoingResponse::new(Fields::new());
        let _ = response.set_status_code(status);
        let Ok(body) = response.body() else { return };
        ResponseOutparam::set(answer_to, Ok(response));
        if let Ok(mut out) = body.write() {
            let _ = out.write_all(text.as_bytes());
            let _ = out.flush();
        }
        let _ = OutgoingBody::finish(body, None);
    }
}

/// The greeting of the configuration, and the number of this request.
fn greeted() -> Result<String, String> {
    let in_words = |error| format!("{error:?}");
    let bucket = open("default").map_err(in_words)?;
    let before = bucket.get("count").map_err(in_words)?;
    let count = before
        .and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok())
        .unwrap_or(0_u64)
        + 1;
    let pairs = [
        ("count".to_owned(), count.to_string().into_bytes()),
        ("last".to_owned(), b"plain".to_vec()),
    ];
    set_many(&bucket, &pairs).map_err(in_words)?;
    let found = get_many(&bucket, &["last".to_owned(), "missing".to_owned()]).map_err(in_words)?;
    let keys = bucket.list_keys(None).map_err(in_words)?;
    let greeting = get("greeting").map_err(|error| format!("{error:?}"))?;
    let values = get_all().map_err(|error| format!("{error:?}"))?;
    Ok(format!(
        "{} {count} of {} keys, {} found, {} values",
        greeting.unwrap_or_else(|| "nothing".to_owned()),
        keys.keys.len(),
        found.iter().flatten().count(),
        values.len(),
    ))
}

wasip2::http::proxy::export!(Plain);
