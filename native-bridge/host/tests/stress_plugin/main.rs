//! A native plugin for the tests: it uses all of the contract, and misbehaves
//! on demand.
//!
//! The first argument selects its behaviour as a process ([`birth`]), an
//! instance's configuration the one of its answers ([`serve`]), and a webhook's
//! path its deeds against its surroundings ([`deeds`]). It prints each call, so
//! that a test can see their order.

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
mod network;
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
