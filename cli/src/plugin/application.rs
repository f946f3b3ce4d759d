//! The user's applications, by their names.

use anyhow::Context as _;
use serde::Deserialize;

use super::{named::candidates, remote::Remote, show::printable};

/// An application of the user.
#[derive(Debug, Deserialize)]
pub(super) struct Application {
    pub(super) id: i64,
    pub(super) name: String,
}

/// All applications of the user.
pub(super) async fn all(remote: &Remote) -> anyhow::Result<Vec<Application>> {
    remote.get("/application").await
}

/// The number of one of these applications, by its name or number.
pub(super) fn named(all: &[Application], wanted: &str) -> anyhow::Result<i64> {
    let found = all
        .iter()
        .find(|one| one.name == wanted || one.id.to_string() == wanted);
    found.map(|one| one.id).with_context(|| {
        let names: Vec<_> = all.iter().map(|one| printable(&one.name)).collect();
        match names.as_slice() {
            [] => format!("you have no application `{wanted}`; `mortise app add NAME` adds one"),
            names => format!(
                "you have no application `{wanted}`; yours: {}",
                candidates(names)
            ),
        }
    })
}
