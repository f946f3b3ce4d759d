//! A crate's modules: their files, definitions, imports and the paths they name.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, ImplItem, Item, Type, UseTree};

use super::{read, wording};

/// The place of a module below its crate's root: the names of the modules to it.
pub(super) type Place = Vec<String>;

/// A path as code names it, by its segments.
pub(super) type Named = Vec<String>;

/// All modules of a crate.
#[derive(Debug, Default)]
pub(super) struct Crate {
    pub(super) modules: BTreeMap<Place, Module>,
}

/// A module, in a file of its own or inline.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) file: PathBuf,
    /// The names of its items, but for modules and imports.
    pub(super) definitions: BTreeSet<String>,
    /// Each import: its name here, its path, and whether it is passed on.
    pub(super) imports: Vec<Import>,
    /// Paths in its code.
    pub(super) paths: BTreeSet<Named>,
    /// Methods by the name of their type.
    pub(super) methods: BTreeSet<(String, String)>,
    /// Names that are called as methods.
    pub(super) calls: BTreeSet<String>,
    /// Comparisons with texts for people.
    pub(super) comparisons: Vec<String>,
}

/// One `use`. A glob has the name `*`.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) name: String,
    pub(super) path: Named,
    pub(super) passed_on: bool,
}

impl Crate {
    /// Reads the crate with this root file.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut krate = Self::default();
        let folder = root.parent().context("a root file has a folder")?;
        krate.file(Vec::new(), root, folder)?;
        Ok(krate)
    }

    /// Reads a module's file; its child modules' files are in `children`.
    fn file(&mut self, place: Place, file: &Path, children: &Path) -> Result<()> {
        let parsed = syn::parse_file(&read(file)?)
            .with_context(|| format!("{} cannot be parsed", file.display()))?;
        self.items(place, parsed.items, file, children)
    }

    fn items(
        &mut self,
        place: Place,
        items: Vec<Item>,
        file: &Path,
        children: &Path,
    ) -> Result<()> {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        for item in items {
            if attributes(&item).iter().any(is_test) {
                continue;
            }
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let mut inner = place.clone();
                    inner.push(name.clone());
                    let folder = children.join(&name);
                    match child.content {
                        Some((_, items)) => self.items(inner, items, file, &folder)?,
                        None => {
                            let path = child_file(&child.attrs, file, children, &name);
                            self.file(inner, &path, &folder)?;
                        }
                    }
                }
                Item::Use(import) => {
                    let passed_on = !matches!(import.vis, syn::Visibility::Inherited);
                    module.import(&import.tree, &mut Vec::new(), passed_on);
                }
                other => module.item(&other),
            }
        }
        self.modules.insert(place, module);
        Ok(())
    }
}

impl Module {
    fn item(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::TraitAlias(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            Item::Macro(item) => item.ident.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.definitions.insert(name.to_string());
        }
        if let Item::Impl(block) = item
            && block.trait_.is_none()
            && let Type::Path(of) = &*block.self_ty
            && let Some(last) = of.path.segments.last()
        {
            let of = last.ident.to_string();
            let names = block.items.iter().filter_map(|item| match item {
                ImplItem::Fn(method) => Some(method.sig.ident.to_string()),
                _ => None,
            });
            self.methods.extend(names.map(|name| (of.clone(), name)));
        }
        self.comparisons
            .extend(wording::comparisons(item.to_token_stream()));
        self.tokens(item.to_token_stream(), &[]);
    }

    fn import(&mut self, tree: &UseTree, before: &mut Named, passed_on: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, passed_on);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, passed_on);
                }
            }
            UseTree::Name(leaf) => self.leaf(before, &leaf.ident, &leaf.ident, passed_on),
            UseTree::Rename(leaf) => self.leaf(before, &leaf.ident, &leaf.rename, passed_on),
            UseTree::Glob(_) => self.imports.push(Import {
                name: "*".to_owned(),
                path: before.clone(),
                passed_on,
            }),
        }
    }

    fn leaf(&mut self, before: &Named, of: &syn::Ident, name: &syn::Ident, passed_on: bool) {
        let mut path = before.clone();
        let mut name = name.to_string();
        if of == "self" {
            if name == "self" {
                name = path.last().cloned().unwrap_or_default();
            }
        } else {
            path.push(of.to_string());
        }
        self.imports.push(Import {
            name,
            path,
            passed_on,
        });
    }

    /// Collects the paths and method calls of code. `before` are the segments
    /// before a group of a `use` inside a function.
    fn tokens(&mut self, tokens: TokenStream, before: &[String]) {
        let mut path: Named = before.to_vec();
        let mut colons = 0;
        let mut dot = false;
        // The last identifier, if it stands after a dot.
        let mut member = None;
        for token in tokens {
            let after = member.take();
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 || path.is_empty() {
                        self.named(&mut path, before);
                    }
                    let name = ident.to_string();
                    if dot {
                        member = Some(name);
                    } else {
                        path.push(name);
                    }
                    (colons, dot) = (0, false);
                }
                TokenTree::Punct(punct) => {
                    colons = if punct.as_char() == ':' {
                        colons + 1
                    } else {
                        0
                    };
                    dot = punct.as_char() == '.';
                    if colons == 0 {
                        self.named(&mut path, before);
                    }
                }
                TokenTree::Group(group) => {
                    if let Some(method) = after
                        && group.delimiter() == Delimiter::Parenthesis
                    {
                        self.calls.insert(method);
                    }
                    let continued = colons == 2 && group.delimiter() == Delimiter::Brace;
                    let inner = if continued { path.clone() } else { Vec::new() };
                    self.named(&mut path, before);
                    self.tokens(group.stream(), &inner);
                    (colons, dot) = (0, false);
                }
                TokenTree::Literal(_) => {
                    self.named(&mut path, before);
                    (colons, dot) = (0, false);
                }
            }
        }
        self.named(&mut path, before);
    }

    fn named(&mut self, path: &mut Named, before: &[String]) {
        if path.len() > before.len() {
            self.paths.insert(std::mem::take(path));
        }
        *path = before.to_vec();
    }
}

fn child_file(attributes: &[Attribute], file: &Path, children: &Path, name: &str) -> PathBuf {
    let given = attributes.iter().find_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        let syn::Expr::Lit(value) = &pair.value else {
            return None;
        };
        match (&value.lit, pair.path.is_ident("path")) {
            (syn::Lit::Str(path), true) => Some(path.value()),
            _ => None,
        }
    });
    if let Some(given) = given {
        return file.parent().unwrap_or(children).join(given);
    }
    let plain = children.join(format!("{name}.rs"));
    if plain.is_file() {
        plain
    } else {
        children.join(name).join("mod.rs")
    }
}

pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns true for `#[cfg(test)]` and the like.
pub(super) fn is_test(attribute: &Attribute) -> bool {
    fn names_test(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "test",
            TokenTree::Group(group) => names_test(group.stream()),
            _ => false,
        })
    }
    attribute.path().is_ident("cfg") && names_test(attribute.meta.to_token_stream())
}
