//! Checks of the guard.
