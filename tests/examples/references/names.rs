//! The pairs of the contract's names and the SDKs', `names.toml`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{contract::Contract, language::Language};

/// All pairs. A language's key is [`Language::key`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Names {
    intro: BTreeMap<String, String>,
    functions: BTreeMap<String, BTreeMap<String, Paired>>,
    types: BTreeMap<String, BTreeMap<String, Paired>>,
    spelled: BTreeMap<String, BTreeMap<String, String>>,
    beside: BTreeMap<String, Vec<Group>>,
}

/// An SDK's part for a function or a type of the contract.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Paired {
    /// The names in the SDK's source.
    Symbols(Vec<String>),
    /// The SDK has none, for this reason.
    Absent(String),
}

/// Declarations of an SDK that the contract does not have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) symbols: Vec<String>,
}

impl Names {
    /// Reads the pairs, which must be of functions and types that the contract has.
    pub(crate) fn parse(text: &str, contract: &Contract) -> Result<Self> {
        let names: Self = toml::from_str(text).context("names.toml")?;
        let functions: BTreeSet<_> = contract.functions().collect();
        let types: BTreeSet<_> = contract.types.iter().map(|one| &*one.name).collect();
        if let Some(name) = names
            .functions
            .keys()
            .find(|name| !functions.contains(*name))
        {
            bail!("names.toml: the contract has no function `{name}`");
        }
        if let Some(name) = names.types.keys().find(|name| !types.contains(&***name)) {
            bail!("names.toml: the contract has no type `{name}`");
        }
        Ok(names)
    }

    /// Returns the first words of a page.
    pub(crate) fn intro(&self, language: Language) -> Result<&str> {
        let intro = self.intro.get(language.key());
        intro
            .map(String::as_str)
            .context("names.toml: the language has no intro")
    }

    /// Returns an SDK's part for a function.
    pub(crate) fn function(&self, name: &str, language: Language) -> Result<&Paired> {
        paired(&self.functions, name, language)
    }

    /// Returns an SDK's part for a type.
    pub(crate) fn type_named(&self, name: &str, language: Language) -> Result<&Paired> {
        paired(&self.types, name, language)
    }

    /// Returns an SDK's names for a field or a case, if they are not those of the language's
    /// rule.
    pub(crate) fn spelled(&self, part: &str, language: Language) -> Option<&str> {
        let spelled = self.spelled.get(language.key())?.get(part)?;
        Some(spelled)
    }

    /// Returns the declarations that the contract does not have.
    pub(crate) fn beside(&self, language: Language) -> &[Group] {
        self.beside
            .get(language.key())
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

fn paired<'a>(
    all: &'a BTreeMap<String, BTreeMap<String, Paired>>,
    name: &str,
    language: Language,
) -> Result<&'a Paired> {
    all.get(name)
        .and_then(|languages| languages.get(language.key()))
        .with_context(|| format!("names.toml: `{name}` has no name for `{}`", language.key()))
}
