//! Naming a plugin by a part of its id, and the candidates that errors list.

use serde::Deserialize;

use super::remote::{Remote, Which};

/// The most candidates that an error lists.
const LISTED: usize = 10;

/// Installed plugins that a text may stand for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{part}` is a part of {} ids: {}; write one of them in full, or a longer part",
    ids.len(),
    candidates(ids)
)]
pub(super) struct Ambiguous {
    part: String,
    ids: Vec<String>,
}

/// Completes a part of an id to the id of the one installed plugin that has it. A
/// text that no id has stays: it may be the name of a file, or an id that is not
/// installed. So it does where the server cannot be asked, which the command itself
/// reports.
///
/// # Errors
///
/// Several plugins have it.
pub(super) async fn complete(part: &mut String, which: &Which) -> anyhow::Result<()> {
    let Ok(remote) = which.remote() else {
        return Ok(());
    };
    let Ok(ids) = installed(&remote).await else {
        return Ok(());
    };
    if let Some(id) = find(part, &ids)? {
        *part = id.to_owned();
    }
    Ok(())
}

/// A phrase about the installed plugins, for an error about an id. None if a plugin of this
/// id is installed: the error has another cause then.
pub(super) async fn others(id: &str, which: &Which) -> Option<String> {
    let ids = installed(&which.remote().ok()?).await.ok()?;
    (!ids.iter().any(|known| known == id)).then(|| instead(&ids))
}

/// A phrase with the ids of the installed plugins, for an error about another id.
pub(super) fn instead(ids: &[impl AsRef<str>]) -> String {
    match ids {
        [] => "`mortise plugin install --help` shows how to install one".to_owned(),
        ids => format!("installed: {}", candidates(ids)),
    }
}

/// The ids of all installed plugins, as an administrator or as a user is shown them.
async fn installed(remote: &Remote) -> anyhow::Result<Vec<String>> {
    #[derive(Deserialize)]
    struct All {
        plugins: Vec<Status>,
    }
    #[derive(Deserialize)]
    struct Status {
        id: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Own {
        plugin_id: String,
    }
    match remote.get::<All>("/admin/plugins").await {
        Ok(all) => Ok(all.plugins.into_iter().map(|plugin| plugin.id).collect()),
        Err(_) => {
            let own: Vec<Own> = remote.get("/plugin").await?;
            Ok(own.into_iter().map(|plugin| plugin.plugin_id).collect())
        }
    }
}

/// Finds the id that a text stands for: the id itself, the only one with a segment
/// that is the text, or the only one with the text in it.
pub(super) fn find<'a>(part: &str, ids: &'a [String]) -> Result<Option<&'a str>, Ambiguous> {
    if part.is_empty() {
        return Ok(None);
    }
    if let Some(id) = ids.iter().find(|id| *id == part) {
        return Ok(Some(id));
    }
    let lower = part.to_lowercase();
    let with: Vec<&String> = ids
        .iter()
        .filter(|id| id.to_lowercase().contains(&lower))
        .collect();
    let segment: Vec<&String> = with
        .iter()
        .copied()
        .filter(|id| id.to_lowercase().split(['.', '/']).any(|one| one == lower))
        .collect();
    match (segment.as_slice(), with.as_slice()) {
        ([id], _) | (_, [id]) => Ok(Some(id)),
        (_, []) => Ok(None),
        (_, several) => Err(Ambiguous {
            part: part.to_owned(),
            ids: several.iter().map(|id| (*id).clone()).collect(),
        }),
    }
}

/// Lists the candidates for a name, for an error about one that none of them has.
pub(crate) fn candidates(names: &[impl AsRef<str>]) -> String {
    let listed: Vec<&str> = names.iter().take(LISTED).map(AsRef::as_ref).collect();
    let listed = listed.join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::{candidates, find, instead};

    #[test]
    fn any_part_that_one_id_has_stands_for_it() {
        let ids = [
            "io.example.clock",
            "io.example.clockwork",
            "io.example.weather",
            "net.sample.Rain",
        ]
        .map(str::to_owned);
        for (part, id) in [
            ("io.example.clock", "io.example.clock"),
            ("clock", "io.example.clock"),
            ("clockw", "io.example.clockwork"),
            ("weath", "io.example.weather"),
            ("example.weather", "io.example.weather"),
            ("rain", "net.sample.Rain"),
            ("sample", "net.sample.Rain"),
        ] {
            assert_eq!(find(part, &ids), Ok(Some(id)), "{part}");
        }
        for none in ["", "snow", "weather.wasm", "io.example.clocks"] {
            assert_eq!(find(none, &ids), Ok(None), "{none}");
        }
        let several = find("example", &ids).unwrap_err().to_string();
        assert!(
            several.contains("3 ids: io.example.clock, io.example.clockwork, io.example.weather"),
            "{several}"
        );
    }

    #[test]
    fn an_error_lists_the_candidates_as_far_as_there_is_room() {
        assert_eq!(candidates(&["a", "b"]), "a, b");
        let many: Vec<_> = (0..12_u8).map(|number| format!("{number}")).collect();
        assert_eq!(candidates(&many), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
        assert_eq!(instead(&["a", "b"]), "installed: a, b");
        let none: [&str; 0] = [];
        assert!(instead(&none).contains("mortise plugin install --help"));
    }
}
