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
/// Titles that end with its last word have effects. Once in the component, as it stands
/// here.
static PLANTED: &str = "with effects: none";
/// The receiver of HTTP requests. Once in the component, as it stands here.
static RECEIVER: &str = "127.0.0.1:00009";

/// The last word of a text that names no titles.
const NONE: &str = "none";

/// Read from memory: a compiler that knew the text could write it anywhere.
fn text(of: &'static &'static str) -> &'static str {
    black_box(of)
}

/// Returns the ending of titles that a text names; none if it names none.
fn ending(of: &'static &'static str) -> Option<&'static str> {
    text(of).rsplit(' ').next().filter(|last| *last != NONE)
}

/// Returns true if a text names this title.
fn names(of: &'static &'static str, title: &str) -> bool {
    ending(of).is_some_and(|ending| title.ends_with(ending))
}

struct Stamp {
    context: Context,
}

impl Stamp {
    /// Sends a message, changes the storage, and sends an HTTP request.
    fn plant(&self, title: &str) -> Result<(), String> {
        self.context.send(Content::new("planted", title))?;
        self.context.storage().set("planted", title)?;
        let url = format!("http://{}/planted?key=secret", text(&RECEIVER));
        // A replay denies it.
        let _ = self.context.http(HttpRequest::get(url));
        Ok(())
    }
}

impl Plugin for Stamp {
    fn manifest() -> Manifest {
        let manifest = Manifest::new(text(&ID), "Stamp")
            .version(text(&VERSION))
            .wants(Permission::FilterMessages, "to stamp messages");
        if ending(&PLANTED).is_none() {
            return manifest;
        }
        manifest.wants(Permission::SendMessages, "to have an effect")
    }

    fn new(context: Context) -> Self {
        Self { context }
    }
}

impl Filter for Stamp {
    fn filter(&mut self, mut draft: Draft) -> Result<Verdict, String> {
        if names(&PLANTED, &draft.content.title) {
            self.plant(&draft.content.title)?;
        }
        if names(&LEFT, &draft.content.title) {
            return Ok(Verdict::Keep);
        }
        draft.content.title.push('|');
        draft.content.title.push_str(text(&VERSION));
        Ok(Verdict::Replace(draft.content))
    }
}

mortise_plugin::export!(Stamp: Filter);
