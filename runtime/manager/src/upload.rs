//! A plugin's file on its way in: its name, its signature, and its announcement.

use std::path::Path;

use mortise_runtime::types::Manifest;

use super::{CommandError, embedder::RegistrySource};

/// A plugin's file on its way into the server.
#[derive(Debug)]
pub struct Upload<'a> {
    /// The complete file, anywhere.
    pub file: &'a Path,
    /// Its name where it came from, by which its process is known; none if it had
    /// no name.
    pub name: Option<&'a str>,
    /// Its signature, as minisign wrote it; none if it has none.
    pub signature: Option<String>,
    /// The registry that it came from; none for another source.
    pub source: Option<RegistrySource>,
    /// The manifest that the registry announced, and that people saw before the
    /// installation; none if it announced none.
    pub announced: Option<Manifest>,
}

impl<'a> Upload<'a> {
    /// A file without a name, a signature or an announcement.
    pub const fn of(file: &'a Path) -> Self {
        Self {
            file,
            name: None,
            signature: None,
            source: None,
            announced: None,
        }
    }
}

/// Sees that a file is the version that was announced, and asks for the same.
pub(super) fn is_announced(found: &Manifest, announced: &Manifest) -> Result<(), CommandError> {
    for (what, found, announced) in [
        ("id", &found.id, &announced.id),
        ("version", &found.version, &announced.version),
    ] {
        if found != announced {
            let text = format!("it has the {what} `{found}`, not `{announced}`");
            return Err(CommandError::Announced(text));
        }
    }
    let more = |all: &Manifest, than: &Manifest| {
        let asked = all.wants.iter().map(|request| &request.permission);
        let more = asked.filter(|one| !than.wants.iter().any(|two| two.permission == **one));
        more.map(ToString::to_string).next()
    };
    match (more(found, announced), more(announced, found)) {
        (Some(more), _) => Err(CommandError::Announced(format!("it also asks for {more}"))),
        (None, Some(less)) => Err(CommandError::Announced(format!(
            "it does not ask for {less}"
        ))),
        (None, None) => Ok(()),
    }
}

/// The longest name of a copy, in bytes.
const NAME_BYTES: usize = 64;

/// The name of a version's copy: that of the file it came from, of which nothing
/// but plain characters is kept.
pub(super) fn copy_name(name: Option<&str>) -> String {
    let plain: String = name
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
        .take(NAME_BYTES)
        .collect();
    match plain.trim_start_matches('.') {
        "" => "plugin".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::copy_name;

    #[test]
    fn a_copy_has_a_plain_name() {
        for (given, name) in [
            (None, "plugin"),
            (Some("rules.wasm"), "rules.wasm"),
            (Some("../..//x y"), "xy"),
            (Some("..."), "plugin"),
        ] {
            assert_eq!(copy_name(given), name);
        }
    }
}
