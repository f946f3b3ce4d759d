//! The server as its clients see it: each test starts one in this process, on
//! a free port and a directory of its own.

mod access;
mod lifecycle;
mod messages;
mod resources;
mod stream;
mod support;
