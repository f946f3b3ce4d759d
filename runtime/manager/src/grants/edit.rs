//! Changing the grants file. Untouched parts keep their text, comments and
//! order. Each function returns true if it changed something.

use std::{collections::BTreeSet, io::Write as _, path::Path};

use mortise_runtime::{grants::HostGrants, types::Directory};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::{GrantsError, GrantsFile, parse_error, text};

/// Adds grants of the administrator to a plugin; earlier grants and the limits
/// stay.
///
/// # Errors
///
/// [`GrantsError`]; the file is then unchanged.
pub fn grant(path: &Path, plugin: &str, more: &HostGrants) -> Result<bool, GrantsError> {
    edit(path, plugin, |table| {
        for (key, granted) in switches(more) {
            if granted {
                table.insert(key, Item::Value(true.into()));
            }
        }
        for (key, values) in lists(more) {
            if values.is_empty() {
                continue;
            }
            let list = table
                .entry(key)
                .or_insert_with(|| Item::Value(Array::new().into()));
            if let Some(list) = list.as_array_mut() {
                for value in values {
                    if !list.iter().any(|known| bare(known) == bare(&value)) {
                        list.push(value);
                    }
                }
            }
        }
    })
}

/// Removes grants of the administrator from a plugin: exactly the named ones.
/// Others may still allow the same, as `*` allows every host.
///
/// # Errors
///
/// [`GrantsError`]; the file is then unchanged.
pub fn revoke(path: &Path, plugin: &str, less: &HostGrants) -> Result<bool, GrantsError> {
    edit(path, plugin, |table| {
        for (key, revoked) in switches(less) {
            if revoked {
                table.remove(key);
            }
        }
        for (key, values) in lists(less) {
            if key == "files" {
                continue;
            }
            let gone: Vec<String> = values.iter().map(bare).collect();
            remove(table, key, |value| gone.contains(&bare(value)));
        }
        // However it is written, and whether it was writable or not.
        remove(table, "files", |value| {
            let path = value.as_inline_table().and_then(|table| table.get("path"));
            path.and_then(Value::as_str)
                .is_some_and(|path| less.files.iter().any(|directory| directory.path == path))
        });
    })
}

/// Sets limits of a plugin by their names; none puts back the default.
///
/// # Errors
///
/// [`GrantsError`], also for a limit that there is none of; the file is then as
/// it was.
pub fn limit(
    path: &Path,
    plugin: &str,
    limits: &[(String, Option<u64>)],
) -> Result<bool, GrantsError> {
    edit(path, plugin, |table| {
        let entry = table
            .entry("limits")
            .or_insert_with(|| Item::Table(Table::new()));
        if let Some(entry) = entry.as_table_like_mut() {
            for (name, value) in limits {
                match value.map(i64::try_from) {
                    None => drop(entry.remove(name)),
                    Some(value) => {
                        let value = value.unwrap_or(i64::MAX);
                        entry.insert(name, Item::Value(value.into()));
                    }
                }
            }
            if entry.is_empty() {
                table.remove("limits");
            }
        }
    })
}

fn switches(grants: &HostGrants) -> [(&'static str, bool); 2] {
    [("webhook", grants.webhook), ("timers", grants.timers)]
}

fn lists(grants: &HostGrants) -> [(&'static str, Vec<Value>); 5] {
    let texts = |names: &BTreeSet<String>| names.iter().map(Value::from).collect::<Vec<_>>();
    let hosts = grants.http.iter().map(|host| host.to_string().into());
    [
        ("cookies", texts(&grants.cookies)),
        ("http", hosts.collect()),
        ("files", grants.files.iter().map(directory).collect()),
        ("environment", texts(&grants.environment)),
        ("send-to-users", texts(&grants.send_to_users)),
    ]
}

fn directory(directory: &Directory) -> Value {
    let mut value = InlineTable::new();
    value.insert("path", directory.path.as_str().into());
    if directory.writable {
        value.insert("writable", true.into());
    }
    value.into()
}

/// A value without the space and comments around it.
fn bare(value: &Value) -> String {
    value.clone().decorated("", "").to_string()
}

fn remove(table: &mut dyn TableLike, key: &str, which: impl Fn(&Value) -> bool) {
    if let Some(list) = table.get_mut(key).and_then(Item::as_array_mut) {
        list.retain(|value| !which(value));
        if list.is_empty() {
            table.remove(key);
        }
    }
}

/// Changes a plugin's entry, which is made if it is not there. Whether anything
/// changed.
fn edit(
    path: &Path,
    plugin: &str,
    change: impl FnOnce(&mut dyn TableLike),
) -> Result<bool, GrantsError> {
    let before = text(path)?;
    GrantsFile::parse(path, &before)?;
    let mut document: DocumentMut = before.parse().map_err(|error: toml_edit::TomlError| {
        parse_error(path, &before, error.span(), error.message())
    })?;
    let table = document
        .entry(plugin)
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(table) = table.as_table_like_mut() else {
        return Err(parse_error(
            path,
            &before,
            None,
            "a plugin's entry is not a table",
        ));
    };
    change(table);
    let after = document.to_string();
    GrantsFile::parse(path, &after)?;
    if after == before {
        return Ok(false);
    }
    write(path, &after).map_err(|source| GrantsError::Write {
        path: path.to_owned(),
        source,
    })?;
    Ok(true)
}

/// Replaces the file whole, so that a server that reads it meanwhile sees the
/// old or the new one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    hand_over(file.as_file(), path, folder)?;
    file.persist(path)?;
    Ok(())
}

/// Gives a new file the owner and the permissions of the file that it replaces. The
/// server may run as another user than the administrator who grants: where there
/// is no file yet, it belongs to the owner of the folder, and is readable for all
/// only if it cannot be given to them.
#[cfg(unix)]
fn hand_over(new: &std::fs::File, path: &Path, folder: &Path) -> std::io::Result<()> {
    use std::{
        fs::{Permissions, metadata},
        os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown},
    };
    let old = metadata(path).ok();
    let owner = match &old {
        Some(old) => old.clone(),
        None => metadata(folder)?,
    };
    let is_theirs = new.metadata()?.uid() == owner.uid()
        || fchown(new, Some(owner.uid()), Some(owner.gid())).is_ok();
    let permissions = match old {
        Some(old) => old.permissions(),
        None if is_theirs => Permissions::from_mode(0o600),
        None => Permissions::from_mode(0o644),
    };
    new.set_permissions(permissions)
}
