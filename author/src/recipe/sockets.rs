//! Crates in a component that open sockets. Components have none: such a crate compiles,
//! and fails at its first request.

/// The crates that authors reach for, each with the feature by which it opens sockets.
const CRATES: [(&str, Option<&str>); 7] = [
    ("attohttpc", None),
    ("hyper-util", Some("client-legacy")),
    ("isahc", None),
    ("minreq", None),
    ("reqwest", None),
    ("tokio", Some("net")),
    ("ureq", None),
];

/// The template of the lines that [`in_tree`] reads, for `cargo tree --format`. Cargo puts
/// the depth before each.
pub(super) const FORMAT: &str = "|{p}|{f}";

/// A crate that opens sockets, in the dependencies of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sockets {
    /// The crate, with the feature by which it opens sockets.
    name: String,
    /// The crates on the way to it, from the plugin's own dependency on.
    through: Vec<String>,
}

impl Sockets {
    /// Returns true if the plugin itself depends on it. Code of another crate may never be
    /// called.
    pub(super) fn is_direct(&self) -> bool {
        self.through.is_empty()
    }

    /// Describes it, and names the fix.
    pub(super) fn describe(&self) -> String {
        let Self { name, through } = self;
        let way = match &**through {
            [] => String::new(),
            through => format!(", through {}", through.join(", ")),
        };
        format!(
            "the component depends on {name}{way}. Components have no sockets, so its requests \
             are denied. Send them with `Context::http`, or with `Context::request` of the SDK's \
             feature `http`: both work in components and native plugins. If only the native \
             plugin needs {name}, put the dependency under \
             [target.'cfg(not(target_family = \"wasm\"))'.dependencies]"
        )
    }
}

/// Finds such crates in the output of `cargo tree --prefix depth` with [`FORMAT`]; each
/// once, by the plugin's own dependency or else the first way to it.
pub(super) fn in_tree(tree: &str) -> Vec<Sockets> {
    let mut found: Vec<Sockets> = Vec::new();
    // The crates from the plugin down to the line.
    let mut way: Vec<&str> = Vec::new();
    for line in tree.lines() {
        let Some((depth, package, features)) = parts(line) else {
            continue;
        };
        way.truncate(depth);
        let opens = CRATES.into_iter().find(|(name, feature)| {
            let enabled = |feature: &str| features.split(',').any(|one| one == feature);
            *name == package && feature.is_none_or(enabled)
        });
        if let Some((name, feature)) = opens {
            let name = match feature {
                Some(feature) => format!("`{name}` with the feature `{feature}`"),
                None => format!("`{name}`"),
            };
            let through = way.iter().skip(1).map(|name| format!("`{name}`"));
            let through = through.collect();
            let one = Sockets { name, through };
            match found.iter_mut().find(|other| other.name == one.name) {
                Some(other) if one.is_direct() => *other = one,
                Some(_) => {}
                None => found.push(one),
            }
        }
        way.push(package);
    }
    found
}

/// The depth, the name and the features in a line such as `1|ureq v3.1.0|rustls (*)`.
fn parts(line: &str) -> Option<(usize, &str, &str)> {
    let (depth, rest) = line.split_once('|')?;
    let (package, features) = rest.rsplit_once('|')?;
    let name = package.split(' ').next()?;
    let features = features.split(' ').next().unwrap_or_default();
    Some((depth.parse().ok()?, name, features))
}

#[cfg(test)]
mod tests {
    use super::in_tree;

    #[test]
    fn crates_that_open_sockets_are_found_with_the_way_to_them() {
        let tree = "0|shout v0.1.0 (/a|b/shout)|
1|mortise-plugin v0.1.0 (/a|b/sdk)|default,http
2|http v1.5.0|default,std
1|feeds v2.0.0|
2|fetcher v0.3.1|
3|ureq v3.1.0|rustls
3|tokio v1.50.0|rt,time
2|http v1.5.0|default,std (*)
3|minreq v2.14.0|
1|tokio v1.50.0|default,net,rt
1|minreq v2.14.0| (*)
1|ureq-proto v0.7.1|
";
        let found = in_tree(tree);
        let [ureq, minreq, tokio] = &*found else {
            panic!("{found:?}")
        };
        assert!(!ureq.is_direct() && tokio.is_direct(), "{found:?}");
        assert!(minreq.is_direct(), "{found:?}");
        let said = ureq.describe();
        assert!(
            said.contains("depends on `ureq`, through `feeds`, `fetcher`. "),
            "{said}"
        );
        let said = tokio.describe();
        assert!(
            said.contains("depends on `tokio` with the feature `net`. "),
            "{said}"
        );
    }

    #[test]
    fn crates_without_sockets_are_none() {
        let tree = "0|shout v0.1.0 (/shout)|
1|tokio v1.50.0|macros,rt
1|hyper v1.12.0|client,http1
1|hyper-util v0.1.21|server
1|ureq-proto v0.7.1|
warning: no line of the tree
";
        let found = in_tree(tree);
        assert!(found.is_empty(), "{found:?}");
    }
}
