//! Names that authors reach for and an engine lacks. A build reports their uses
//! in the author's files, before a user meets them.
//!
//! `esbuild` knows which names are free: it replaces those with its option
//! `--define`, and leaves properties and names of the author's own alone. A
//! bundle made so has a mark wherever a name is used, and its source map has the
//! place.

use std::{collections::BTreeSet, fmt};

use super::source_map::{SourceMap, at};
use crate::project::Engine;

/// The beginning of the name that stands for a lacking one.
const MARK: &str = "__mortise_lacks_";

/// A lacking name, and advice for its place.
type Lacking = (&'static str, &'static str);

const MODULES: &str = "bundle what you need, or import a file of the SDK";
const STORAGE: &str = "keep values with `host.storage`";
const BYTES: &str = "send and read bodies as text or bytes";
const STREAMS: &str = "read a whole body with `text()`, `json()` or `bytes()`";
const EVENTS: &str = "call functions, or use a package such as `mitt`";
const PAGE: &str = "a plugin runs on the server; it shows Markdown with `display()`";
const GLOBAL: &str = "write `globalThis`";
const THREADS: &str = "a component has one thread";
const SOCKETS: &str = "call out with `fetch` on a timer, or let the service call a webhook";

/// Names that neither engine has, or that no call can wait for.
static ALWAYS: [Lacking; 30] = [
    ("__dirname", "read granted files with `sdk/files.js`"),
    ("__filename", "read granted files with `sdk/files.js`"),
    (
        "Buffer",
        "use `Uint8Array` with `TextEncoder` and `TextDecoder`, and `btoa` and `atob` for Base64",
    ),
    ("Bun", MODULES),
    ("CompressionStream", "use a package such as `fflate`"),
    ("DecompressionStream", "use a package such as `fflate`"),
    ("Deno", MODULES),
    ("document", PAGE),
    ("EventSource", SOCKETS),
    ("global", GLOBAL),
    ("indexedDB", STORAGE),
    (
        "Intl",
        "format with a package such as `date-fns`, or write the format out",
    ),
    ("localStorage", STORAGE),
    ("navigator", PAGE),
    ("Notification", "send a message with `host.send()`"),
    (
        "process",
        "read environment variables with `environment()` of `sdk/files.js`, and settings from the configuration",
    ),
    ("ReadableStream", STREAMS),
    ("requestAnimationFrame", PAGE),
    ("sessionStorage", STORAGE),
    ("setImmediate", "use `queueMicrotask` or `setTimeout`"),
    (
        "setInterval",
        "set a timer with `host.timers.set(name, every(ms))`, and write `onTimer`",
    ),
    ("SharedWorker", THREADS),
    ("Temporal", "use `Date`, or a package such as `date-fns`"),
    ("TransformStream", STREAMS),
    ("WebAssembly", "bundle the package's version in JavaScript"),
    ("WebSocket", SOCKETS),
    ("window", GLOBAL),
    ("Worker", THREADS),
    ("WritableStream", STREAMS),
    ("XMLHttpRequest", "use `fetch`"),
];

/// Names that only the small engine lacks.
static QUICKJS: [Lacking; 8] = [
    ("Blob", BYTES),
    ("CustomEvent", EVENTS),
    ("Event", EVENTS),
    ("EventTarget", EVENTS),
    ("File", BYTES),
    ("FormData", BYTES),
    ("location", PAGE),
    ("self", GLOBAL),
];

fn names(engine: Engine) -> impl Iterator<Item = &'static Lacking> {
    let more: &[Lacking] = match engine {
        Engine::QuickJs => &QUICKJS,
        Engine::StarlingMonkey => &[],
    };
    ALWAYS.iter().chain(more)
}

/// Returns true if a source has one of the names at all, as a name or not.
pub(super) fn may_use(source: &str, engine: Engine) -> bool {
    names(engine).any(|(name, _)| source.contains(name))
}

/// The options of `esbuild` that mark the names. It knows the value of
/// `process.env.NODE_ENV` itself, unless told another.
pub(super) fn marking(engine: Engine) -> Vec<String> {
    let marks = names(engine).map(|(name, _)| format!("--define:{name}={MARK}{name}"));
    let known = "--define:process.env.NODE_ENV=\"development\"".to_owned();
    marks.chain([known]).collect()
}

/// The use of a lacking name.
#[derive(Clone, Debug)]
pub(super) struct Use {
    /// The source's path in the plugin's folder.
    file: String,
    line: usize,
    column: usize,
    name: &'static str,
    instead: &'static str,
}

impl Use {
    /// Returns true in a package from npm, which may never call what it has.
    pub(super) fn is_in_package(&self) -> bool {
        self.file.contains("node_modules/")
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            name,
            instead,
        } = self;
        write!(f, "{file}:{line}:{column}: `{name}`: {instead}")
    }
}

/// Finds the uses in a marked bundle, in order. A file that asks for `typeof` a
/// name may use it, and everybody if the plugin sets the name itself.
pub(super) fn uses(bundle: &str, map: &SourceMap, engine: Engine) -> Vec<Use> {
    let lines = map.lines();
    let (mut uses, mut guarded) = (BTreeSet::new(), BTreeSet::new());
    for (number, line) in bundle.lines().enumerate() {
        for (column, _) in line.match_indices(MARK) {
            let (before, from) = line.split_at(column);
            let marked = from.get(MARK.len()..).unwrap_or_default();
            let end = marked.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$'));
            let marked = marked.get(..end.unwrap_or(marked.len()));
            let lacking = names(engine).find(|(name, _)| Some(*name) == marked);
            let (Some(&(name, instead)), Some(place)) = (lacking, at(&lines, number, column))
            else {
                continue;
            };
            let Some(path) = map.sources.get(place.source) else {
                continue;
            };
            if before.ends_with("typeof ") {
                guarded.insert((path, name));
                continue;
            }
            uses.insert((path, place.line, place.column, name, instead));
        }
    }
    uses.into_iter()
        .filter(|&(path, _, _, name, _)| !guarded.contains(&(path, name)) && !sets(bundle, name))
        .map(|(path, line, column, name, instead)| Use {
            file: within(path).to_owned(),
            line,
            column,
            name,
            instead,
        })
        .collect()
}

/// Returns true if the bundle gives the name a value, as a package that stands in
/// for it does.
fn sets(bundle: &str, name: &str) -> bool {
    let property = format!("globalThis.{name} ");
    bundle.match_indices(&property).any(|(at, found)| {
        let value = bundle.get(at + found.len()..).unwrap_or_default();
        let is_assigned = value.starts_with("= ");
        is_assigned || value.starts_with("??= ") || value.starts_with("||= ")
    })
}

/// A source's path as its author knows it, without the way up from the work
/// folder.
pub(super) fn within(path: &str) -> &str {
    path.trim_start_matches("../")
}

#[cfg(test)]
mod tests {
    use super::{MARK, SourceMap, marking, may_use, uses};
    use crate::project::Engine;

    /// A map that has the same lines and columns as the bundle.
    fn same(source: &str, bundle: &str) -> SourceMap {
        // One segment for each column: the next column of both.
        let mut mappings = String::new();
        for (at, line) in bundle.lines().enumerate() {
            // The line begins at column 0, so its first segment goes back there.
            let before = at.checked_sub(1).and_then(|last| bundle.lines().nth(last));
            let back = before.map_or(0, |line| line.len().saturating_sub(1));
            if at > 0 {
                mappings.push(';');
            }
            let down = if at > 0 { "C" } else { "A" };
            mappings.push_str(&format!("AA{down}{}", backwards(back)));
            mappings.push_str(&",CAAC".repeat(line.len().saturating_sub(1)));
        }
        SourceMap {
            sources: vec![source.to_owned()],
            mappings,
        }
    }

    /// A number of a mapping below zero.
    fn backwards(by: usize) -> String {
        let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digit = |at: usize| digits.chars().nth(at).unwrap();
        let (mut value, mut text) = ((by << 1) | usize::from(by > 0), String::new());
        loop {
            let more = value >> 5 > 0;
            text.push(digit((value & 31) | (usize::from(more) << 5)));
            value >>= 5;
            if !more {
                return text;
            }
        }
    }

    fn found(source: &str, bundle: &str, engine: Engine) -> Vec<String> {
        let bundle = bundle.replace('@', MARK);
        let uses = uses(&bundle, &same(source, &bundle), engine);
        uses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_use_has_its_place_and_advice() {
        let bundle = "let a = 1;\nlet b = @XMLHttpRequest;\n@setInterval(b);";
        let found = found("../../src/a.js", bundle, Engine::QuickJs);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], "src/a.js:2:9: `XMLHttpRequest`: use `fetch`");
        assert!(found[1].starts_with("src/a.js:3:1: `setInterval`: set a timer with"));
    }

    #[test]
    fn a_file_that_asks_for_a_name_may_use_it() {
        let guarded = "if (typeof @Buffer !== \"undefined\") @Buffer.from(a);";
        assert!(found("a.js", guarded, Engine::QuickJs).is_empty());
        let other = format!("{guarded}\n@process.exit();");
        assert_eq!(found("a.js", &other, Engine::QuickJs).len(), 1);
    }

    #[test]
    fn a_plugin_may_bring_a_name_itself() {
        for set in ["= b", "??= b", "||= b"] {
            let bundle = format!("globalThis.Buffer {set};\n@Buffer.from(a);");
            assert!(found("a.js", &bundle, Engine::QuickJs).is_empty(), "{set}");
        }
        let read = "a(globalThis.Buffer === b);\n@Buffer.from(a);";
        assert_eq!(found("a.js", read, Engine::QuickJs).len(), 1);
    }

    #[test]
    fn the_larger_engine_has_more() {
        assert_eq!(found("a.js", "new @Blob()", Engine::QuickJs).len(), 1);
        assert!(found("a.js", "new @Blob()", Engine::StarlingMonkey).is_empty());
        assert!(may_use("a.Blob", Engine::QuickJs));
        assert!(!may_use("a.Blob", Engine::StarlingMonkey));
        assert!(marking(Engine::QuickJs).len() > marking(Engine::StarlingMonkey).len());
    }
}
