//! Tells on standard error how far a build is.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use mortise_author::Progress;

/// For a person who looks on.
pub(super) struct Told;

impl Progress for Told {
    fn begin(&self, step: &str) {
        // A closed output is no reason to stop.
        let _ = writeln!(io::stderr().lock(), "{step} ...");
    }

    fn done(&self, step: &str, time: Duration) {
        let _ = writeln!(io::stderr().lock(), "{step}: {}", seconds(time));
    }

    fn warn(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "warning: {text}");
    }
}

/// A time as a person reads it.
pub(super) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f32())
    }
}
