//! The build of each language.

use super::{Recipe, c, go, javascript, python, rust};
use crate::Language;

/// Returns the build of a language's plugins.
pub fn of(language: Language) -> &'static dyn Recipe {
    match language {
        Language::Rust => &rust::Rust,
        Language::Go => &go::Go,
        Language::C => &c::C,
        Language::Python => &python::Python,
        Language::JavaScript => &javascript::JAVASCRIPT,
        Language::TypeScript => &javascript::TYPESCRIPT,
    }
}
