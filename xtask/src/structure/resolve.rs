//! From the paths that code names to the files with the definitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    circle,
    source::{Crate, Module, Place},
};

/// The files that each file takes names from, and the names.
pub(super) type Edges = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

/// Names are passed on through this many imports at most. Rust forbids circles of
/// imports; this bounds a tree that does not compile.
const DEPTH: usize = 16;

/// The end of a path.
enum End {
    /// A module itself: no name of it was taken.
    Module(Place),
    /// An item of the module at this place.
    Item(Place, String),
}

/// Returns the edges between a crate's files.
pub(super) fn edges(krate: &Crate) -> Edges {
    let mut edges = Edges::new();
    for (place, module) in &krate.modules {
        let imports = module.imports.iter().filter(|import| !import.passed_on);
        for path in imports.map(|import| &import.path).chain(&module.paths) {
            match resolve(krate, place, path, DEPTH) {
                Some(End::Item(at, name)) => tie(&mut edges, krate, &module.file, &at, &name),
                Some(End::Module(at)) if is_glob(module, path) => {
                    tie(&mut edges, krate, &module.file, &at, "*");
                }
                _ => {}
            }
        }
    }
    methods(krate, &mut edges);
    edges
}

fn is_glob(module: &Module, path: &[String]) -> bool {
    let globs = module.imports.iter().filter(|import| import.name == "*");
    globs
        .filter(|import| !import.passed_on)
        .any(|import| import.path == path)
}

fn tie(edges: &mut Edges, krate: &Crate, from: &Path, at: &Place, name: &str) {
    if let Some(to) = krate.modules.get(at).map(|module| &module.file)
        && to != from
    {
        let targets = edges.entry(from.to_owned()).or_default();
        targets
            .entry(to.clone())
            .or_default()
            .insert(name.to_owned());
    }
}

/// Follows a path from the module that names it.
fn resolve(krate: &Crate, from: &Place, path: &[String], depth: usize) -> Option<End> {
    if depth == 0 {
        return None;
    }
    let mut at = from.clone();
    let mut segments = path.iter().peekable();
    let mut own = true;
    while let Some(first) = segments.peek() {
        match first.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => drop(at.pop()?),
            _ => break,
        }
        own = false;
        segments.next();
    }
    while let Some(segment) = segments.next() {
        let module = krate.modules.get(&at)?;
        let mut child = at.clone();
        child.push(segment.clone());
        if krate.modules.contains_key(&child) {
            at = child;
        } else if module.definitions.contains(segment) {
            return Some(End::Item(at, segment.clone()));
        } else {
            let mut rest: Vec<String> = segments.cloned().collect();
            let named = module.imports.iter().find(|import| import.name == *segment);
            if let Some(import) = named {
                // An import with its own name as its path stands for another crate.
                if own && import.path.first() == Some(segment) && import.path.len() == 1 {
                    return None;
                }
                let mut whole = import.path.clone();
                whole.append(&mut rest);
                return resolve(krate, &at, &whole, depth - 1);
            }
            rest.insert(0, segment.clone());
            let globs = module.imports.iter().filter(|import| import.name == "*");
            return globs
                .filter_map(|import| {
                    let mut whole = import.path.clone();
                    whole.extend(rest.iter().cloned());
                    resolve(krate, &at, &whole, depth - 1)
                })
                .find(|end| matches!(end, End::Item(..)));
        }
        own = false;
    }
    Some(End::Module(at))
}

/// Ties callers to the files of methods that are not beside their type: an import of
/// the type does not show these. Without types, a call says little: it counts if one
/// method of the crate has the name, and the caller has a way to the type.
fn methods(krate: &Crate, edges: &mut Edges) {
    let mut defined: BTreeMap<&str, Vec<(&Place, Option<&Place>)>> = BTreeMap::new();
    for (place, module) in &krate.modules {
        for (of, name) in &module.methods {
            let at = match resolve(krate, place, std::slice::from_ref(of), DEPTH) {
                Some(End::Item(at, _)) => krate.modules.get_key_value(&at).map(|(at, _)| at),
                _ => None,
            };
            defined.entry(name).or_default().push((place, at));
        }
    }
    let names = edges.clone();
    for module in krate.modules.values() {
        let reached = circle::reached(&names, &module.file);
        for name in &module.calls {
            if let Some([(place, Some(of))]) = defined.get(name.as_str()).map(Vec::as_slice)
                && place != of
                && krate
                    .modules
                    .get(*of)
                    .is_some_and(|of| reached.contains(&of.file))
            {
                tie(edges, krate, &module.file, place, &format!(".{name}()"));
            }
        }
    }
}
