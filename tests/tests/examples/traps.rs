//! Reports of crashes in Rust; those in other languages are tested with their
//! plugins.

use mortise_runtime::CallError;

use crate::{Running, draft, plugins::SOON};

#[tokio::test]
async fn a_panic_shows_the_functions_it_went_through() {
    let running = Running::started("everything", "").await;
    let command = draft("panic on purpose", "b");
    let crash = running.instance.filter(&command, SOON).await;
    let Err(CallError::Crashed { details, .. }) = &crash else {
        panic!("{crash:?}")
    };
    // The panic's own words and place, and a function of the plugin's.
    for part in ["on purpose", "src/command.rs:", "everything::"] {
        assert!(details.contains(part), "{part} in {details}");
    }
}
