//! Crates that one build compiles twice: build scripts and macros ask for other
//! features of them than programs do.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::{
    run::{output, say},
    workspace::Workspace,
};

/// Crates that may be compiled twice: the build script of cranelift-codegen, the
/// longest crate, waits for one of the two, and that one has few features.
const ALLOWED: [&str; 3] = [
    "cranelift-bitset",
    "pulley-interpreter",
    "wasmtime-internal-core",
];

/// Fails on a crate that is compiled twice.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let tree = output(
        workspace
            .cargo()
            .args(["tree", "--locked", "--workspace"])
            // Without a target, the tree does not tell all crates of build scripts
            // from those of programs.
            .args(["--target", "host-tuple"])
            .args(["--edges", "normal,build", "--prefix", "none"])
            .args(["--format", "{p}|{f}"]),
    )?;
    let twice = twice(&tree);
    for (package, features) in &twice {
        let features: Vec<_> = features.iter().copied().collect();
        say(format_args!(
            "compiled twice: {package}, with the features missing on one side: {}",
            features.join(", ")
        ));
    }
    if !twice.is_empty() {
        bail!(
            "{} crates are compiled twice: name these features in both lists of xtask/features/Cargo.toml",
            twice.len()
        );
    }
    say(format_args!("no crate is compiled twice"));
    Ok(())
}

/// The packages of the tree's lines that have several sets of features, each with
/// the features that not all of its sets have.
fn twice(tree: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut packages = BTreeMap::<&str, BTreeSet<BTreeSet<&str>>>::new();
    for line in tree.lines() {
        // Cargo marks a package whose dependencies stand further up.
        let line = line.strip_suffix(" (*)").unwrap_or(line);
        if let Some((package, features)) = line.split_once('|') {
            let features = features.split(',').collect();
            packages.entry(package).or_default().insert(features);
        }
    }
    packages
        .into_iter()
        .filter(|(package, sets)| {
            let name = package.split(' ').next().unwrap_or(package);
            sets.len() > 1 && !ALLOWED.contains(&name)
        })
        .map(|(package, sets)| {
            let all: BTreeSet<_> = sets.iter().flatten().copied().collect();
            let differ = all
                .into_iter()
                .filter(|feature| !sets.iter().all(|set| set.contains(feature)));
            (
                package,
                differ.filter(|feature| !feature.is_empty()).collect(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::twice;

    #[test]
    fn a_crate_with_two_sets_of_features_is_found() {
        let tree = "url v2.5.8|default,std\n\
                    idna v1.1.0|alloc,default\n\
                    url v2.5.8|default,std (*)\n\
                    idna v1.1.0|alloc\n\
                    idna v0.9.0|\n\
                    pulley-interpreter v48.0.8|\n\
                    pulley-interpreter v48.0.8|std\n";
        let found = twice(tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found["idna v1.1.0"], ["default"].into());
        let none = twice("a v1.0.0|\nb v1.0.0|x\nb v1.0.0|\n");
        assert_eq!(none["b v1.0.0"], ["x"].into());
    }
}
