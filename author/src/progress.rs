//! Telling how far a build is.

use std::time::Duration;

/// Is told what happens while a plugin is built. What the languages' own tools
/// print goes to standard error between these.
pub trait Progress {
    /// A step begins: what is done and with what, such as `compiling with cargo`.
    fn begin(&self, step: &str);

    /// The step that began last is done.
    fn done(&self, step: &str, time: Duration);
}

/// For nobody.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _step: &str) {}

    fn done(&self, _step: &str, _time: Duration) {}
}
