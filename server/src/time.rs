//! Time: the clock that the server reads and waits by, and the form in which the API
//! writes it.

pub use crate::plugins::time::{Clock, ClockHand, now_ms, rfc3339};
