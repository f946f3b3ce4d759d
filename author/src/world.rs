//! The WIT world of a plugin: what its author named in `plugin.toml`, beside
//! what every plugin may import. It is written into the plugin's folder, with
//! the contract and the part of WASI that the SDKs call, so that a language's
//! usual command finds all it needs there.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use wit_parser::{Resolve, WorldId};

use crate::{Capability, Error, Project, embedded, language::HTTP, project::WIT};

/// The world's name.
pub const NAME: &str = "plugin";
/// The file in it that is the plugin's own.
const OWN: &str = "world.wit";
/// The first line of that file, for a plugin with a `plugin.toml`.
const BUILT: &str = "Written by `mortise plugin build` from plugin.toml: change that instead.";
/// The same for a plugin without one.
const ALONE: &str =
    "Written by `mortise plugin bindings`: run it again with other capabilities instead.";
/// The export that describes a plugin.
const MANIFEST: &str = "manifest";
/// The contract, as other packages call it.
const CONTRACT: (&str, &str) = ("mortise:plugin", "0.2.0");

/// A plugin's world.
#[derive(Clone, Debug)]
pub struct World {
    /// The folder it is in.
    pub folder: PathBuf,
    /// All that it refers to.
    pub resolve: Resolve,
    /// The world's id in there.
    pub id: WorldId,
}

/// Writes a plugin's world, and reads it again. A file that is there just so is
/// not touched.
pub(crate) fn write(project: &Project) -> Result<World, Error> {
    let folder = project.folder.join(WIT);
    let imports = project.language.facts().imports;
    let own = text(BUILT, &project.name, imports, described(exports(project)));
    put(&folder.join(OWN), own.as_bytes())?;
    write_dependencies(&folder)?;
    read(&folder)
}

/// Returns the plugin's exports beside its manifest, in the contract's order.
fn exports(project: &Project) -> Vec<Capability> {
    let always = project.language.facts().always_exports;
    Capability::ALL
        .into_iter()
        .filter(|one| always.contains(one) || project.capabilities.contains(one))
        .collect()
}

/// Writes the packages that a world refers to: the contract, and the part of
/// WASI that SDKs call.
fn write_dependencies(folder: &Path) -> Result<(), Error> {
    let deps = folder.join("deps");
    for file in embedded::WIT {
        put(&deps.join("mortise-plugin").join(file.path), file.bytes)?;
    }
    for file in embedded::WASI {
        put(&deps.join(format!("wasi-{}", file.path)), file.bytes)?;
    }
    Ok(())
}

/// Returns the exports of a plugin that describes itself.
fn described(
    capabilities: impl IntoIterator<Item = Capability>,
) -> impl Iterator<Item = &'static str> {
    std::iter::once(MANIFEST).chain(capabilities.into_iter().map(Capability::name))
}

fn text(
    note: &str,
    name: &str,
    imports: &[&str],
    exports: impl Iterator<Item = &'static str>,
) -> String {
    let (package, version) = CONTRACT;
    let mut text = format!(
        "// {note}\npackage local:{name};\n\nworld {NAME} {{\n    include {package}/imports@{version};\n"
    );
    for import in imports {
        let _ = writeln!(text, "    import {import};");
    }
    for export in exports {
        let _ = writeln!(text, "    export {package}/{export}@{version};");
    }
    text.push_str("}\n");
    text
}

/// Writes the world that has all there is to a folder, for an SDK whose bindings
/// are the same for every plugin.
///
/// # Errors
///
/// It cannot be written.
pub fn everything(folder: &Path) -> Result<World, Error> {
    let own = text(BUILT, "everything", &[HTTP], described(Capability::ALL));
    put(&folder.join(OWN), own.as_bytes())?;
    write_dependencies(folder)?;
    read(folder)
}

/// Writes the world of a plugin whose manifest is not among its exports.
pub(crate) fn without_manifest(folder: &Path, capabilities: &[Capability]) -> Result<World, Error> {
    let exports = Capability::ALL.into_iter();
    let exports = exports.filter(|one| capabilities.contains(one));
    let own = text(ALONE, NAME, &[HTTP], exports.map(Capability::name));
    put(&folder.join(OWN), own.as_bytes())?;
    write_dependencies(folder)?;
    read(folder)
}

/// Reads a world from its folder.
fn read(folder: &Path) -> Result<World, Error> {
    let wrong = |error: String| Error::World(format!("{}: {error}", folder.display()));
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_dir(folder)
        .map_err(|error| wrong(format!("{error:#}")))?;
    let id = resolve
        .select_world(&[package], Some(NAME))
        .map_err(|error| wrong(format!("{error:#}")))?;
    Ok(World {
        folder: folder.to_owned(),
        resolve,
        id,
    })
}

/// Writes a file that is not there just so.
pub(crate) fn put(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, bytes))
        .map_err(|source| Error::file(file, source))
}

#[cfg(test)]
mod tests {
    use wit_parser::{Resolve, WorldId};

    use super::{BUILT, described, read, text, write_dependencies};
    use crate::{Capability, language::HTTP};

    #[test]
    fn a_world_exports_what_was_named_and_the_names_are_the_contracts() {
        let folder = tempfile::tempdir().unwrap();
        write_dependencies(folder.path()).unwrap();
        let own = text(BUILT, "some-name", &[HTTP], described(Capability::ALL));
        std::fs::write(folder.path().join("world.wit"), own).unwrap();
        let world = read(folder.path()).unwrap();

        let whole = world
            .resolve
            .packages
            .iter()
            .find_map(|(_, package)| {
                (package.name.namespace == "mortise").then(|| package.worlds["plugin"])
            })
            .unwrap();
        assert_eq!(
            exports(&world.resolve, world.id),
            exports(&world.resolve, whole)
        );
    }

    fn exports(resolve: &Resolve, world: WorldId) -> Vec<String> {
        let mut names: Vec<_> = resolve.worlds[world]
            .exports
            .keys()
            .map(|key| resolve.name_world_key(key))
            .collect();
        names.sort();
        names
    }
}
