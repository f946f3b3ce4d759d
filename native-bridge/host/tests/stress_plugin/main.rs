//! A native plugin for the tests: it does all that the contract has, and
//! misbehaves on demand.
//!
//! The first argument says how it behaves as a process ([`birth`]), an
//! instance's configuration how it answers ([`serve`]), and a webhook's path
//! what it tries to do to its surroundings ([`deeds`]). It prints each call it
//! gets, so that a test can see their order.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::zombie_processes,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a fixture that is to fail loudly"
)]

mod birth;
mod deeds;
mod serve;
mod wire;

fn main() {
    let behaviour = std::env::args().nth(1).unwrap_or_default();
    if std::env::var_os("MORTISE_SOCKET").is_none() {
        eprintln!("this is a Mortise plugin: put it into the plugins folder");
        std::process::exit(2);
    }
    birth::be_born(&behaviour);
}
