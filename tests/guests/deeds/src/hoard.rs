//! Values that the host holds on the component's behalf, kept until the end of the
//! instance.

use wasip2::{
    clocks::monotonic_clock,
    http::types::{Fields, OutgoingRequest, OutgoingResponse, RequestOptions},
    io::poll::Pollable,
};

/// Makes a number of values of a kind and keeps them.
pub(crate) fn outcome(kind: &str, count: u32) -> Result<String, String> {
    let made: fn(u32) -> bool = match kind {
        "hoard-fields" => |_| keep(Fields::new()),
        "hoard-field-values" => |_| {
            let fields = Fields::new();
            let set = fields.set("x", &[vec![b'a'; 100_000]]).is_ok();
            keep(fields);
            set
        },
        "hoard-pollables" => |_| keep::<Pollable>(monotonic_clock::subscribe_duration(u64::MAX)),
        "hoard-requests" => |_| keep(OutgoingRequest::new(Fields::new())),
        "hoard-bodies" => |_| {
            let request = OutgoingRequest::new(Fields::new());
            let body = request.body();
            keep(request);
            body.is_ok_and(keep)
        },
        "hoard-responses" => |_| keep(OutgoingResponse::new(Fields::new())),
        "hoard-options" => |_| keep(RequestOptions::new()),
        "hoard-random" => |_| wasip2::random::random::get_random_bytes(64 << 20).len() == 64 << 20,
        kind => return Err(format!("`{kind}` is no deed")),
    };
    for number in 0..count {
        if !made(number) {
            return Err(format!("after {number}"));
        }
    }
    Ok(format!("{count} kept"))
}

/// Leaves a value's handle in the host's table.
fn keep<T>(value: T) -> bool {
    std::mem::forget(value);
    true
}
