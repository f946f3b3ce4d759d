//! A filter that adds its version to every title. `cargo xtask soak` writes
//! other numbers into the component, so that one build makes any number of
//! plugins and versions.

use std::hint::black_box;

use mortise_plugin::prelude::*;

/// Once in the component, as it stands here.
static ID: &str = "io.mortise.soak.n0000";
/// Once in the component, as it stands here.
static VERSION: &str = "1.0.1000";

/// Titles that end with its last word get no stamp. Once in the component, as it stands
/// here.
static LEFT: &str = "without stamp: none";

/// Read from memory: a compiler that knew the text could write it anywhere.
fn text(of: &'static &'static str) -> &'static str {
    black_box(of)
}

struct Stamp;

impl Plugin for Stamp {
    fn manifest() -> Manifest {
        Manifest::new(text(&ID), "Stamp")
            .version(text(&VERSION))
            .wants(Permission::FilterMessages, "to stamp messages")
    }

    fn new(_context: Context) -> Self {
        Self
    }
}

impl Filter for Stamp {
    fn filter(&mut self, mut draft: Draft) -> Result<Verdict, String> {
        let left = text(&LEFT).rsplit(' ').next();
        if left.is_some_and(|left| draft.content.title.ends_with(left)) {
            return Ok(Verdict::Keep);
        }
        draft.content.title.push('|');
        draft.content.title.push_str(text(&VERSION));
        Ok(Verdict::Replace(draft.content))
    }
}

mortise_plugin::export!(Stamp: Filter);
