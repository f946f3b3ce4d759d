//! Telling how far a build is.

use std::time::Duration;

/// Receives the progress of a build. The output of the languages' own tools
/// goes to standard error in between.
pub trait Progress {
    /// Begins a step: its work and its tool, such as `compiling with cargo`.
    fn begin(&self, step: &str);

    /// The step that began last is done.
    fn done(&self, step: &str, time: Duration);

    /// The plugin has something that will fail when it runs.
    fn warn(&self, text: &str);
}

/// Reports nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _step: &str) {}

    fn done(&self, _step: &str, _time: Duration) {}

    fn warn(&self, _text: &str) {}
}
