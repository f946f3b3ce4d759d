//! Standard output.

use std::io::Write as _;

/// Writes to standard output. Returns false if the reader went away, as `head`
/// does, which is not an error.
pub(crate) fn say(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_ok()
}
