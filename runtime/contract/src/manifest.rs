//! The rules of a manifest, the same for every backend.

use crate::{
    grants::HostPattern,
    text::cut,
    types::{Interests, Manifest, Message, Permission},
};

/// What is wrong with a manifest: expected, found, fix, as phrases of a
/// load error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The rule.
    pub expected: String,
    /// The value in the manifest.
    pub found: String,
    /// The change for its author.
    pub fix: String,
}

/// The longest id.
const ID_BYTES: usize = 128;
/// The longest name, in characters.
const NAME_CHARS: usize = 64;
/// The longest of the other texts.
const TEXT_BYTES: usize = 4 << 10;
/// The most permissions, and the most entries of one.
const WANTS: usize = 64;

/// Checks a manifest against the rules in `wit/types.wit`.
///
/// # Errors
///
/// The first rule it breaks.
pub fn check(manifest: &Manifest) -> Result<(), Flaw> {
    let Manifest {
        id,
        name,
        version,
        description,
        author,
        license,
        website,
        wants,
        listens,
    } = manifest;
    rule(
        (1..=ID_BYTES).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._/-".contains(&b)),
        "id",
        id,
        "1 to 128 of the characters a-z, 0-9, `.`, `-`, `_`, `/`",
    )?;
    rule(
        (1..=NAME_CHARS).contains(&name.chars().count()) && !name.contains(char::is_control),
        "name",
        name,
        "1 to 64 characters in one line",
    )?;
    rule(
        is_semantic_version(version),
        "version",
        version,
        "a semantic version such as `1.2.0`",
    )?;
    for (field, text) in [
        ("description", description),
        ("author", author),
        ("license", license),
        ("website", website),
    ] {
        rule(text.len() <= TEXT_BYTES, field, text, "at most 4096 bytes")?;
    }
    rule(
        website.is_empty() || website.starts_with("https://") || website.starts_with("http://"),
        "website",
        website,
        "an http or https URL, or nothing",
    )?;
    rule(
        wants.len() <= WANTS,
        "wants",
        &wants.len().to_string(),
        "at most 64 permissions",
    )?;
    for request in wants {
        let field = format!("wants.{}", request.permission.name());
        rule(
            (1..=TEXT_BYTES).contains(&request.reason.len()),
            &field,
            &request.reason,
            "a reason for the person who decides",
        )?;
        check_permission(&field, &request.permission)?;
    }
    if let Some(interests) = listens {
        check_interests(interests)?;
    }
    Ok(())
}

impl Interests {
    /// Returns true if a listener with these interests wants the message.
    pub fn include(&self, message: &Message) -> bool {
        let Self {
            applications,
            min_priority,
        } = self;
        let priority = message.content.priority;
        (applications.is_empty() || applications.contains(&message.application.name))
            && min_priority.is_none_or(|least| priority >= least)
    }
}

fn check_interests(interests: &Interests) -> Result<(), Flaw> {
    let applications = &interests.applications;
    rule(
        applications.len() <= WANTS,
        "listens.applications",
        &applications.len().to_string(),
        "at most 64 applications",
    )?;
    for name in applications {
        let fits = (1..=TEXT_BYTES).contains(&name.len());
        rule(
            fits,
            "listens.applications",
            name,
            "names of 1 to 4096 bytes",
        )?;
    }
    Ok(())
}

fn check_permission(field: &str, permission: &Permission) -> Result<(), Flaw> {
    let entries: &[String] = match permission {
        Permission::ReadMessages(names)
        | Permission::Cookies(names)
        | Permission::SendToUsers(names) => names,
        Permission::Http(patterns) => {
            for pattern in patterns {
                if let Err(error) = pattern.parse::<HostPattern>() {
                    return Err(flaw(field, pattern, &error.to_string()));
                }
            }
            patterns
        }
        Permission::Environment(names) => {
            for name in names {
                let fits = !name.is_empty() && !name.contains(['=', '\0']);
                rule(fits, field, name, "the name of an environment variable")?;
            }
            names
        }
        Permission::Files(directories) => {
            for directory in directories {
                let path = std::path::Path::new(&directory.path);
                let plain = path
                    .components()
                    .all(|part| part != std::path::Component::ParentDir);
                rule(
                    path.is_absolute() && plain,
                    field,
                    &directory.path,
                    "an absolute path without `..`",
                )?;
            }
            return rule(
                (1..=WANTS).contains(&directories.len()),
                field,
                &directories.len().to_string(),
                "1 to 64 directories",
            );
        }
        Permission::SendMessages
        | Permission::FilterMessages
        | Permission::Webhook
        | Permission::Timers => return Ok(()),
    };
    rule(
        (1..=WANTS).contains(&entries.len()),
        field,
        &entries.len().to_string(),
        "1 to 64 entries",
    )?;
    for entry in entries {
        let fits = (1..=TEXT_BYTES).contains(&entry.len());
        rule(fits, field, entry, "entries of 1 to 4096 bytes")?;
    }
    Ok(())
}

/// Three numbers, then what semantic versioning allows behind them.
fn is_semantic_version(text: &str) -> bool {
    let (core, rest) = match text.find(['-', '+']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut numbers = core.split('.');
    let three = numbers
        .by_ref()
        .take(3)
        .filter(|number| number.parse::<u64>().is_ok())
        .count()
        == 3;
    three
        && numbers.next().is_none()
        && text.len() <= ID_BYTES
        && rest
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-+.".contains(&b))
}

fn rule(holds: bool, field: &str, found: &str, expected: &str) -> Result<(), Flaw> {
    if holds {
        Ok(())
    } else {
        Err(flaw(field, found, expected))
    }
}

fn flaw(field: &str, found: &str, expected: &str) -> Flaw {
    let found = cut(found, 200).escape_debug().to_string();
    Flaw {
        expected: format!("the manifest's `{field}` to be {expected}"),
        found: if found.is_empty() {
            "nothing".to_owned()
        } else {
            format!("`{found}`")
        },
        fix: format!("correct `{field}` in the plugin's manifest and build it again"),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::types::{Directory, Manifest, Permission, Request};

    fn good() -> Manifest {
        Manifest {
            id: "github.com/someone/a-b_c.d".into(),
            name: "Wetter für Köln".into(),
            version: "1.2.3-rc.1+build".into(),
            description: String::new(),
            author: String::new(),
            license: "MIT".into(),
            website: "https://example.org".into(),
            wants: vec![Request {
                permission: Permission::Http(vec!["*.example.org".into()]),
                reason: "to ask for the weather".into(),
            }],
            listens: None,
        }
    }

    #[test]
    fn accepts_what_the_contract_allows() {
        check(&good()).unwrap();
    }

    #[test]
    fn names_the_field_that_breaks_a_rule() {
        let wants = |permission| {
            vec![Request {
                permission,
                reason: "why".into(),
            }]
        };
        for (field, manifest) in [
            (
                "id",
                Manifest {
                    id: String::new(),
                    ..good()
                },
            ),
            (
                "id",
                Manifest {
                    id: "Upper".into(),
                    ..good()
                },
            ),
            (
                "id",
                Manifest {
                    id: "a".repeat(129),
                    ..good()
                },
            ),
            (
                "name",
                Manifest {
                    name: String::new(),
                    ..good()
                },
            ),
            (
                "name",
                Manifest {
                    name: "two\nlines".into(),
                    ..good()
                },
            ),
            (
                "version",
                Manifest {
                    version: "1.2".into(),
                    ..good()
                },
            ),
            (
                "version",
                Manifest {
                    version: "1.2.3.4".into(),
                    ..good()
                },
            ),
            (
                "version",
                Manifest {
                    version: "v1.2.3".into(),
                    ..good()
                },
            ),
            (
                "description",
                Manifest {
                    description: "x".repeat(5000),
                    ..good()
                },
            ),
            (
                "website",
                Manifest {
                    website: "javascript:alert(1)".into(),
                    ..good()
                },
            ),
            (
                "wants.http",
                Manifest {
                    wants: wants(Permission::Http(vec!["ftp://x".into()])),
                    ..good()
                },
            ),
            (
                "wants.http",
                Manifest {
                    wants: wants(Permission::Http(vec![])),
                    ..good()
                },
            ),
            (
                "wants.files",
                Manifest {
                    wants: wants(Permission::Files(vec![Directory {
                        path: "/srv/../etc".into(),
                        writable: false,
                    }])),
                    ..good()
                },
            ),
            (
                "wants.environment",
                Manifest {
                    wants: wants(Permission::Environment(vec!["A=B".into()])),
                    ..good()
                },
            ),
            (
                "wants.timers",
                Manifest {
                    wants: vec![Request {
                        permission: Permission::Timers,
                        reason: String::new(),
                    }],
                    ..good()
                },
            ),
        ] {
            let flaw = check(&manifest).unwrap_err();
            assert!(
                flaw.expected.contains(&format!("`{field}`")),
                "{field}: {flaw:?}"
            );
        }
    }
}
