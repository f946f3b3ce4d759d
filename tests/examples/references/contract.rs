//! The interfaces and types of the contract, with their explanations.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use wit_parser::{Docs, InterfaceId, Resolve, TypeDefKind, WorldItem};

/// The world with everything.
const WORLD: &str = "plugin";
/// The interface that has the types.
const TYPES: &str = "types";

/// The contract.
#[derive(Debug)]
pub(crate) struct Contract {
    /// The interfaces that plugins export.
    pub(crate) exports: Vec<Interface>,
    /// The interfaces of the host.
    pub(crate) imports: Vec<Interface>,
    pub(crate) types: Vec<Type>,
}

/// An interface.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) doc: String,
    /// The functions' names and explanations.
    pub(crate) functions: Vec<(String, String)>,
}

/// A type.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) kind: Kind,
    /// The names and explanations of its fields or cases.
    pub(crate) parts: Vec<(String, String)>,
}

/// The kinds of types that the contract has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Record,
    /// A variant or an enum.
    Cases,
}

impl Contract {
    /// Reads the contract's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder)?;
        let id = resolve.select_world(&[package], Some(WORLD))?;
        let world = resolve.worlds.get(id).context("the world is missing")?;
        let mut imports = Vec::new();
        let mut types = Vec::new();
        for item in world.imports.values() {
            let id = id_of(item)?;
            if name_of(&resolve, id)? == TYPES {
                types = types_of(&resolve, id)?;
            } else {
                imports.push(interface(&resolve, id)?);
            }
        }
        let exports = world.exports.values();
        let exports = exports
            .map(|item| interface(&resolve, id_of(item)?))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            exports,
            imports,
            types,
        })
    }

    /// Returns the functions' names, each after that of its interface.
    pub(crate) fn functions(&self) -> impl Iterator<Item = String> {
        let interfaces = self.exports.iter().chain(&self.imports);
        interfaces.flat_map(|one| {
            one.functions
                .iter()
                .map(move |(name, _)| one.function(name))
        })
    }
}

impl Interface {
    /// Returns a function's name after that of the interface.
    pub(crate) fn function(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }
}

fn id_of(item: &WorldItem) -> Result<InterfaceId> {
    match item {
        WorldItem::Interface { id, .. } => Ok(*id),
        _ => bail!("the world has functions or types of its own"),
    }
}

fn name_of(resolve: &Resolve, id: InterfaceId) -> Result<&str> {
    let interface = resolve.interfaces.get(id);
    interface
        .and_then(|interface| interface.name.as_deref())
        .context("an interface has no name")
}

fn interface(resolve: &Resolve, id: InterfaceId) -> Result<Interface> {
    let found = resolve.interfaces.get(id).context("no such interface")?;
    let functions = found.functions.values();
    Ok(Interface {
        name: name_of(resolve, id)?.to_owned(),
        doc: text(&found.docs),
        functions: functions
            .map(|function| (function.name.clone(), text(&function.docs)))
            .collect(),
    })
}

fn types_of(resolve: &Resolve, id: InterfaceId) -> Result<Vec<Type>> {
    let found = resolve.interfaces.get(id).context("no such interface")?;
    let mut types = Vec::new();
    for (name, id) in &found.types {
        let defined = resolve.types.get(*id).context("no such type")?;
        let (kind, parts) = match &defined.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let parts = fields.map(|field| (field.name.clone(), text(&field.docs)));
                (Kind::Record, parts.collect())
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let parts = cases.map(|case| (case.name.clone(), text(&case.docs)));
                (Kind::Cases, parts.collect())
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter();
                let parts = cases.map(|case| (case.name.clone(), text(&case.docs)));
                (Kind::Cases, parts.collect())
            }
            other => bail!("`{name}` is a {}, which has no form here", other.as_str()),
        };
        types.push(Type {
            name: name.clone(),
            doc: text(&defined.docs),
            kind,
            parts,
        });
    }
    Ok(types)
}

fn text(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.trim().to_owned()
}
