//! A new plugin's folder, made from templates.
//!
//! A template is the file itself with two additions. `{{word}}` stands for
//! something of the new plugin. Lines between a line with `@if WORDS` and one
//! with `@end` are there if the plugin has one of the capabilities that the
//! words name, after an `@else` if it has none; the lines with `@` themselves
//! never are. `dot-name` becomes `.name`.
//!
//! The files in `templates/common` are the same for all languages; those in
//! `templates/LANGUAGE` come in addition, or in their place.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    Capability, Error, Language,
    embedded::{TEMPLATES, below},
    project, recipe,
    sdk::{self, put},
};

/// A new plugin.
#[derive(Clone, Debug)]
pub struct New {
    /// The plugin's name, which its folder has too.
    pub name: String,
    /// Its id; one made of the name if none.
    pub id: Option<String>,
    /// Its language.
    pub language: Language,
    /// Its capabilities.
    pub capabilities: Vec<Capability>,
    /// A clone of this repository whose SDK the plugin refers to; it gets a
    /// copy of its own if none.
    pub clone: Option<PathBuf>,
}

/// Makes a plugin in a folder of its name, inside of another, and returns it.
///
/// # Errors
///
/// The name cannot be one, the folder is there, or cannot be written.
pub fn new(new: &New, inside: &Path) -> Result<PathBuf, Error> {
    if !project::is_name(&new.name) {
        return Err(Error::Name(new.name.clone()));
    }
    let folder = inside.join(&new.name);
    if folder.exists() {
        return Err(Error::Taken(folder));
    }
    let sdk = match &new.clone {
        Some(clone) => {
            let sdk = clone.join("guest-sdk").join(new.language.facts().sdk);
            let there = sdk.canonicalize();
            there.map_err(|source| Error::file(&sdk, source))?
        }
        None => PathBuf::from(sdk::FOLDER),
    };
    let words = words(new, &sdk);
    let mut files = BTreeMap::new();
    for template in ["common", new.language.name()] {
        files.extend(below(TEMPLATES, template));
    }
    for (path, bytes) in files {
        let text = fill(&String::from_utf8_lossy(bytes), &words, &new.capabilities);
        let path = fill(path, &words, &[]).replace("dot-", ".");
        put(&folder.join(path.trim_end()), text.as_bytes())?;
    }
    if new.clone.is_none() {
        sdk::copy(new.language, &folder.join(sdk::FOLDER))?;
    }
    Ok(folder)
}

/// Returns the words of a template and their values.
fn words(new: &New, sdk: &Path) -> Vec<(&'static str, String)> {
    let capitals = |text: &str| {
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let path = sdk.display().to_string().replace('\\', "/");
    let facts = new.language.facts();
    let named: Vec<_> = Capability::ALL
        .into_iter()
        .filter(|one| new.capabilities.contains(one) && !facts.always_exports.contains(one))
        .map(Capability::name)
        .collect();
    let quoted: Vec<_> = named.iter().map(|name| format!("\"{name}\"")).collect();
    let exports: Vec<_> = ["manifest", "lifecycle"]
        .into_iter()
        .chain(named.iter().copied())
        .collect();
    let types: Vec<_> = named.iter().map(|name| capitals(name)).collect();
    vec![
        ("name", new.name.clone()),
        ("title", capitals(&new.name.replace('-', " "))),
        ("snake", new.name.replace('-', "_")),
        ("camel", new.name.split('-').map(capitals).collect()),
        (
            "id",
            new.id
                .clone()
                .unwrap_or_else(|| format!("org.example.{}", new.name)),
        ),
        ("language", new.language.name().to_owned()),
        ("language-title", new.language.title().to_owned()),
        ("capabilities", quoted.join(", ")),
        ("capability-types", types.join(", ")),
        ("exports", exports.join(", ")),
        ("sdk", path.clone()),
        // As Go and others tell a path from a name.
        (
            "sdk-path",
            if sdk.is_absolute() {
                path
            } else {
                format!("./{path}")
            },
        ),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("set-up", facts.set_up.join("\n          ")),
        (
            "by-hand",
            recipe::table::of(new.language)
                .by_hand(&new.name)
                .join("\n"),
        ),
    ]
}

/// A template with the words put in and the lines left that belong there.
fn fill(template: &str, words: &[(&str, String)], capabilities: &[Capability]) -> String {
    let mut text = String::new();
    // Whether the lines of each `@if` around this one are there.
    let mut within = Vec::new();
    for line in template.lines() {
        let mut mark = line
            .trim_start()
            .trim_start_matches(['/', '#', '<', '!', '-', '*', ' '])
            .split_whitespace();
        match mark.next() {
            Some("@if") => {
                let there = mark.any(|word| capabilities.iter().any(|one| one.name() == word));
                within.push(there);
            }
            Some("@else") => {
                if let Some(there) = within.last_mut() {
                    *there = !*there;
                }
            }
            Some("@end") => drop(within.pop()),
            _ if within.contains(&false) => {}
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    for (word, value) in words {
        text = text.replace(&format!("{{{{{word}}}}}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{New, fill, new};
    use crate::{Capability, Error, Language, Project};

    #[test]
    fn lines_are_left_by_capability() {
        let template = "a\n// @if filter webhook\nb {{name}}\n# @else\nc\n<!-- @end -->\nd\n";
        let words = [("name", "n".to_owned())];
        let filled = |capabilities: &[Capability]| fill(template, &words, capabilities);
        assert_eq!(filled(&[Capability::Webhook]), "a\nb n\nd\n");
        assert_eq!(filled(&[Capability::Timer]), "a\nc\nd\n");
    }

    #[test]
    fn every_language_begins_a_plugin_that_is_one() {
        for language in Language::ALL {
            for capabilities in [vec![], vec![Capability::Filter], Capability::ALL.to_vec()] {
                let inside = tempfile::tempdir().unwrap();
                let wanted = New {
                    name: "some-name".to_owned(),
                    id: None,
                    language,
                    capabilities,
                    clone: None,
                };
                let folder = new(&wanted, inside.path()).unwrap();
                let project = Project::open(&folder).unwrap();
                assert_eq!(project.language, language);
                assert!(folder.join("README.md").is_file());
                assert!(folder.join(".gitignore").is_file());
                let workflow = folder.join(".github/workflows/plugin.yml");
                let workflow = std::fs::read_to_string(workflow).unwrap();
                let pinned = concat!("MORTISE: v", env!("CARGO_PKG_VERSION"), "\n");
                assert!(workflow.contains(pinned), "{workflow}");
                for file in files(&folder) {
                    let text = std::fs::read_to_string(&file).unwrap();
                    assert!(!text.contains("@if"), "{}", file.display());
                    if !file.starts_with(folder.join("sdk")) {
                        // GitHub has words of its own.
                        let own = text.replace("${{ ", "");
                        assert!(!own.contains("{{"), "{}: {text}", file.display());
                    }
                }
                let again = new(&wanted, inside.path());
                assert!(matches!(again, Err(Error::Taken(_))), "{again:?}");
            }
        }
    }

    #[test]
    fn a_name_that_cannot_be_one_is_refused_before_anything_is_written() {
        let inside = tempfile::tempdir().unwrap();
        for name in ["", "A", "1a", "a_b", "a/b", "..", "a-", "a--b"] {
            let wanted = New {
                name: name.to_owned(),
                id: None,
                language: Language::Rust,
                capabilities: Vec::new(),
                clone: None,
            };
            let refused = new(&wanted, inside.path());
            assert!(matches!(refused, Err(Error::Name(_))), "{name}");
        }
        assert!(files(inside.path()).is_empty());
    }

    fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push(path);
            }
        }
        found
    }
}
