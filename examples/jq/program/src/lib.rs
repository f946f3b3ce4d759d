//! Programs in jq for the plugins `jq` and `json-webhook`.
//!
//! `program` compiles and runs one program, `programs` has those of a
//! configuration by name, and `value` converts the values that go in and come
//! out.

mod program;
mod programs;
pub mod value;

pub use jaq_json::Val;
pub use program::Program;
pub use programs::{Code, EVERY, Programs};
