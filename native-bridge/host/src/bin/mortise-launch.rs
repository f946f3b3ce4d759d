//! The launcher as a program of its own, for embedders whose own executable
//! does not call [`mortise_native::launch::intercept`], and for tests.

fn main() -> std::process::ExitCode {
    mortise_native::launch::intercept();
    // Only reached when it was not started by a host.
    std::process::ExitCode::from(2)
}
