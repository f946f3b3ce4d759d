//! Plugin instances, their storage, timers and cursors.
