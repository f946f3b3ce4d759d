//! The circles of a graph: its strongly connected components of two or more nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::resolve::Edges;

/// Returns the circles. No file is in two of them.
pub(super) fn circles(edges: &Edges) -> Vec<BTreeSet<PathBuf>> {
    let mut backwards: BTreeMap<&PathBuf, Vec<&PathBuf>> = BTreeMap::new();
    for (from, targets) in edges {
        for to in targets.keys() {
            backwards.entry(to).or_default().push(from);
        }
    }
    // Kosaraju's algorithm: files in the order in which they are left, then
    // everything that reaches the last of them along reversed edges.
    let mut seen = BTreeSet::new();
    let mut left = Vec::new();
    for start in edges.keys() {
        visit(start, &|file| targets(edges, file), &mut seen, &mut left);
    }
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for start in left.into_iter().rev() {
        let mut circle = Vec::new();
        let reversed = |file: &PathBuf| backwards.get(file).cloned().unwrap_or_default();
        visit(start, &reversed, &mut seen, &mut circle);
        if circle.len() > 1 {
            circles.push(circle.into_iter().cloned().collect());
        }
    }
    circles
}

/// Returns a file and all that are reached from it.
pub(super) fn reached<'a>(edges: &'a Edges, from: &'a PathBuf) -> BTreeSet<&'a PathBuf> {
    let mut seen = BTreeSet::new();
    visit(
        from,
        &|file| targets(edges, file),
        &mut seen,
        &mut Vec::new(),
    );
    seen
}

/// Returns the files that a file takes names from.
fn targets<'a>(edges: &'a Edges, file: &PathBuf) -> Vec<&'a PathBuf> {
    edges
        .get(file)
        .map(|targets| targets.keys().collect())
        .unwrap_or_default()
}

/// Walks all files that are reached from `start` and not yet seen, and appends each
/// when it is left.
fn visit<'a>(
    start: &'a PathBuf,
    next: &impl Fn(&PathBuf) -> Vec<&'a PathBuf>,
    seen: &mut BTreeSet<&'a PathBuf>,
    left: &mut Vec<&'a PathBuf>,
) {
    if !seen.insert(start) {
        return;
    }
    let mut path = vec![(start, next(start))];
    while let Some((file, targets)) = path.last_mut() {
        match targets.pop() {
            Some(target) => {
                if seen.insert(target) {
                    path.push((target, next(target)));
                }
            }
            None => {
                left.push(file);
                path.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::PathBuf};

    use super::{Edges, circles};

    #[test]
    fn circles_are_found_and_chains_are_none() {
        let mut edges = Edges::new();
        for (from, to) in [
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("c", "d"),
            ("d", "e"),
            ("f", "e"),
        ] {
            let targets = edges.entry(PathBuf::from(from)).or_default();
            targets
                .entry(PathBuf::from(to))
                .or_default()
                .insert("x".to_owned());
        }
        let expected: BTreeSet<_> = ["a", "b", "c"].map(PathBuf::from).into();
        assert_eq!(circles(&edges), [expected]);
    }
}
