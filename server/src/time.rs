//! Wall-clock time as the database and the API write it.

pub use crate::plugins::time::{now_ms, rfc3339};
