//! The server as its clients see it: each test starts one in this process, on
//! a free port and a directory of its own.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod access;
mod backup;
mod gotify_senders;
mod import;
mod lifecycle;
mod messages;
mod oidc;
mod page;
mod resources;
mod serving;
mod stream;
mod support;
