//! The crates in the program, in two forms: a list for people and tools, in the form of
//! CycloneDX 1.5, and a section of the program itself, in the form of `cargo auditable`,
//! from which scanners learn about them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Platform, Release, VERSION};
use crate::{progress, run::output, workspace::Workspace};

/// The package of the program.
const PROGRAM: &str = "mortise";
/// The longest block of a zlib stream that is not compressed, in bytes.
const BLOCK: usize = 0xffff;

/// The crates in the program and those that its build ran.
#[derive(Debug)]
pub(super) struct Crates {
    /// In order of their names.
    packages: Vec<Package>,
    /// The ids of those that are in the program.
    linked: BTreeSet<String>,
    /// The ids of the crates that each needs.
    needs: BTreeMap<String, Vec<String>>,
    /// The checksums of the lock file, by name and version.
    checksums: BTreeMap<(String, String), String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    description: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Needed>,
}

#[derive(Deserialize)]
struct Needed {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// None for a usual dependency.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

impl Crates {
    /// Reads them from cargo's metadata.
    pub(super) fn read(workspace: &Workspace, platform: &Platform) -> Result<Self> {
        let folder = workspace.root.join("cli");
        let built = progress::crates(workspace, &folder, Some(&platform.triple))?;
        let text = output(
            workspace
                .cargo()
                .args(["metadata", "--format-version", "1", "--locked"])
                .args(["--filter-platform", &platform.triple]),
        )?;
        let metadata: Metadata =
            serde_json::from_str(&text).context("cargo's metadata is malformed")?;
        Ok(Self::new(metadata, &built, checksums(workspace)?))
    }

    fn new(
        metadata: Metadata,
        built: &BTreeSet<String>,
        checksums: BTreeMap<(String, String), String>,
    ) -> Self {
        let mut packages = metadata.packages;
        packages.retain(|package| built.contains(&package.id));
        packages
            .sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        let nodes: BTreeMap<&str, &Node> = metadata
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        let mut linked = BTreeSet::new();
        let mut next: Vec<&str> = packages
            .iter()
            .filter(|package| package.name == PROGRAM)
            .map(|package| package.id.as_str())
            .collect();
        while let Some(id) = next.pop() {
            if linked.insert(id.to_owned()) {
                let needed = nodes.get(id).into_iter().flat_map(|node| &node.deps);
                next.extend(needed.filter(|one| one.is_linked()).map(|one| &*one.pkg));
            }
        }
        let needs = nodes
            .into_iter()
            .filter(|(id, _)| built.contains(*id))
            .map(|(id, node)| {
                let ids = node.deps.iter().map(|one| one.pkg.clone());
                (
                    id.to_owned(),
                    ids.filter(|one| built.contains(one)).collect(),
                )
            })
            .collect();
        Self {
            packages,
            linked,
            needs,
            checksums,
        }
    }

    fn needed_by(&self, package: &Package) -> impl Iterator<Item = &String> {
        self.needs.get(&package.id).into_iter().flatten()
    }

    /// The list in CycloneDX's form. Crates of the build are in it too: they decide
    /// the content of the program.
    fn document(&self) -> Value {
        let names: BTreeMap<&str, String> = self
            .packages
            .iter()
            .map(|package| (package.id.as_str(), package.url()))
            .collect();
        let components: Vec<Value> = self
            .packages
            .iter()
            .filter(|package| package.name != PROGRAM)
            .map(|package| self.component(package))
            .collect();
        let dependencies: Vec<Value> = self
            .packages
            .iter()
            .map(|package| {
                let needed: BTreeSet<&String> = self
                    .needed_by(package)
                    .filter_map(|id| names.get(id.as_str()))
                    .collect();
                json!({ "ref": package.url(), "dependsOn": needed })
            })
            .collect();
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "application",
                    "bom-ref": format!("pkg:cargo/{PROGRAM}@{VERSION}"),
                    "name": PROGRAM,
                    "version": VERSION,
                    "purl": format!("pkg:cargo/{PROGRAM}@{VERSION}"),
                    "licenses": [{ "expression": env!("CARGO_PKG_LICENSE") }],
                },
            },
            "components": components,
            "dependencies": dependencies,
        })
    }

    fn component(&self, package: &Package) -> Value {
        let linked = self.linked.contains(&package.id);
        let mut component = json!({
            "type": "library",
            "bom-ref": package.url(),
            "name": package.name,
            "version": package.version,
            "scope": if linked { "required" } else { "excluded" },
        });
        let mut add = |name: &str, value: Value| {
            if let Some(fields) = component.as_object_mut() {
                fields.insert(name.to_owned(), value);
            }
        };
        if package.source.is_some() {
            add("purl", json!(package.url()));
        }
        if let Some(text) = &package.description {
            add("description", json!(text.trim()));
        }
        if let Some(license) = &package.license {
            // Old crates separate choices by a slash.
            let expression = license.replace('/', " OR ");
            add("licenses", json!([{ "expression": expression }]));
        }
        let key = (package.name.clone(), package.version.clone());
        if let Some(checksum) = self.checksums.get(&key) {
            add("hashes", json!([{ "alg": "SHA-256", "content": checksum }]));
        }
        component
    }

    /// The content of the section `.dep-v0` of the program.
    pub(super) fn section(&self) -> Vec<u8> {
        zlib(self.auditable().to_string().as_bytes())
    }

    fn auditable(&self) -> Value {
        let places: BTreeMap<&str, usize> = self
            .packages
            .iter()
            .enumerate()
            .map(|(place, package)| (package.id.as_str(), place))
            .collect();
        let packages: Vec<Value> = self
            .packages
            .iter()
            .map(|package| {
                let needed: BTreeSet<&usize> = self
                    .needed_by(package)
                    .filter_map(|id| places.get(id.as_str()))
                    .collect();
                let linked = self.linked.contains(&package.id);
                json!({
                    "name": package.name,
                    "version": package.version,
                    "source": if package.source.is_some() { "crates.io" } else { "local" },
                    "kind": if linked { "runtime" } else { "build" },
                    "dependencies": needed,
                    "root": package.name == PROGRAM,
                })
            })
            .collect();
        json!({ "packages": packages })
    }
}

/// Writes the list.
pub(super) fn make(release: &Release<'_>) -> Result<PathBuf> {
    let document = Crates::read(release.workspace, &release.platform)?.document();
    let file = release.folder.join(format!("{}.cdx.json", release.name()));
    let text = serde_json::to_string_pretty(&document)? + "\n";
    fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}

fn checksums(workspace: &Workspace) -> Result<BTreeMap<(String, String), String>> {
    let file = workspace.root.join("Cargo.lock");
    let text =
        fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let lock: Lock =
        toml::from_str(&text).with_context(|| format!("{} is malformed", file.display()))?;
    let crates = lock.package.into_iter();
    Ok(crates
        .filter_map(|one| Some(((one.name, one.version), one.checksum?)))
        .collect())
}

/// A zlib stream of bytes as they are.
fn zlib(bytes: &[u8]) -> Vec<u8> {
    const MODULUS: u32 = 65521;
    let mut stream = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (one, two) = bytes.iter().fold((1_u32, 0_u32), |(one, two), byte| {
        let one = (one + u32::from(*byte)) % MODULUS;
        (one, (two + one) % MODULUS)
    });
    stream.extend(((two << 16) | one).to_be_bytes());
    stream
}

impl Package {
    /// The package by the name that all ecosystems share.
    fn url(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

impl Needed {
    /// False for dependencies of tests and of the build alone.
    fn is_linked(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Crates, Metadata, zlib};

    fn crates() -> Crates {
        let package = |name: &str| {
            json!({
                "id": format!("r#{name}"), "name": name, "version": "1.0.0",
                "license": "MIT/Apache-2.0", "description": null, "source": "r",
            })
        };
        let needs = |name: &str, kind: Option<&str>| json!({ "pkg": format!("r#{name}"), "dep_kinds": [{ "kind": kind }] });
        let metadata: Metadata = serde_json::from_value(json!({
            "packages": [package("used"), package("mortise"), package("ran"), package("unused")],
            "resolve": { "nodes": [
                { "id": "r#mortise", "deps": [
                    needs("used", None), needs("ran", Some("build")), needs("unused", Some("dev")),
                ] },
                { "id": "r#used", "deps": [] },
                { "id": "r#ran", "deps": [needs("used", None)] },
                { "id": "r#unused", "deps": [] },
            ] },
        }))
        .unwrap();
        let built = ["r#mortise", "r#used", "r#ran"].map(str::to_owned).into();
        let sums = [(("used".to_owned(), "1.0.0".to_owned()), "ab".to_owned())].into();
        Crates::new(metadata, &built, sums)
    }

    #[test]
    fn only_crates_of_the_program_and_its_build_are_listed() {
        let document = crates().document();
        let components = document["components"].as_array().unwrap();
        assert_eq!(components.len(), 2);
        assert_eq!(components[0]["scope"], "excluded");
        assert_eq!(components[1]["purl"], "pkg:cargo/used@1.0.0");
        assert_eq!(components[1]["scope"], "required");
        assert_eq!(
            components[1]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(components[1]["hashes"][0]["content"], "ab");
        let ran = &document["dependencies"][1];
        assert_eq!(ran["dependsOn"], json!(["pkg:cargo/used@1.0.0"]));
    }

    #[test]
    fn the_section_names_dependencies_by_their_places() {
        let section = crates().auditable();
        let packages = section["packages"].as_array().unwrap();
        let of = |place: usize| (&packages[place]["name"], &packages[place]["kind"]);
        assert_eq!(of(0), (&json!("mortise"), &json!("runtime")));
        assert_eq!(of(1), (&json!("ran"), &json!("build")));
        assert_eq!(packages[0]["root"], true);
        assert_eq!(packages[0]["dependencies"], json!([1, 2]));
    }

    #[test]
    fn a_stream_has_a_checksum() {
        // As zlib itself writes it at level 0.
        let expected = [
            0x78, 0x01, 0x01, 3, 0, 0xfc, 0xff, b'a', b'b', b'c', 0x02, 0x4d, 0x01, 0x27,
        ];
        assert_eq!(zlib(b"abc"), expected);
        let long = zlib(&[7; 70_000]);
        assert_eq!(long.len(), 2 + 5 + 65_535 + 5 + 4_465 + 4);
        assert_eq!((long[2], long[2 + 5 + 65_535]), (0, 1));
    }
}
