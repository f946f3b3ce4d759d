//! The languages, and the facts about their plugins that more than the build needs.
//!
//! To add one: its variant and its `Facts` here, its build in `recipe`, its
//! template in `templates/`, its SDK in `guest-sdk/`.

use std::{fmt, str::FromStr};

use serde::Deserialize;

use crate::Capability;

/// The language of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Rust, with cargo.
    Rust,
    /// Go, with its standard compiler.
    Go,
    /// C, with Zig's compiler or clang.
    C,
    /// Python, with componentize-py.
    Python,
    /// JavaScript, with jco.
    JavaScript,
    /// TypeScript, with jco.
    TypeScript,
}

/// The facts about the plugins of one language.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The language's name for people.
    pub(crate) title: &'static str,
    /// The folder of its SDK in `guest-sdk/`.
    pub(crate) sdk: &'static str,
    /// True if it makes a component of the world in the folder `wit`. Such a plugin
    /// names its capabilities in `plugin.toml`, and others in their source.
    pub(crate) reads_world: bool,
    /// True if `plugin.toml` may name an engine.
    pub(crate) has_engines: bool,
    /// The capabilities that its SDK exports for every plugin.
    pub(crate) always_exports: &'static [Capability],
    /// The WASI interfaces that its SDK imports.
    pub(crate) imports: &'static [&'static str],
    /// The commands that install its tools on a machine of GitHub's.
    pub(crate) set_up: &'static [&'static str],
    /// Folders and files in a plugin's folder that its tools make: a change of
    /// anything else is a reason to build again.
    pub(crate) made: &'static [&'static str],
}

/// The interface with which SDKs send HTTP requests.
pub(crate) const HTTP: &str = "wasi:http/outgoing-handler@0.2.0";
/// The folder of C's generated bindings.
pub(crate) const C_BINDINGS: &str = "bindings";

const COMMON: Facts = Facts {
    title: "",
    sdk: "",
    reads_world: true,
    has_engines: false,
    always_exports: &[Capability::Lifecycle],
    imports: &[HTTP],
    set_up: &[],
    made: &[],
};
static RUST: Facts = Facts {
    title: "Rust",
    sdk: "rust",
    reads_world: false,
    set_up: &["rustup target add wasm32-wasip2"],
    made: &["target", "Cargo.lock"],
    ..COMMON
};
static GO: Facts = Facts {
    title: "Go",
    sdk: "go",
    set_up: &["go version"],
    ..COMMON
};
static C: Facts = Facts {
    title: "C",
    sdk: "c",
    always_exports: &[],
    set_up: &["python3 -m pip install --user ziglang"],
    made: &[C_BINDINGS],
    ..COMMON
};
static PYTHON: Facts = Facts {
    title: "Python",
    sdk: "python",
    imports: &[HTTP, "wasi:config/store@0.2.0-rc.1"],
    set_up: &["python3 -m pip install --user --requirement requirements.txt"],
    made: &["__pycache__"],
    ..COMMON
};
const SCRIPT: Facts = Facts {
    sdk: "js",
    set_up: &["npm install"],
    has_engines: true,
    imports: &[
        "wasi:cli/environment@0.2.0",
        "wasi:cli/exit@0.2.0",
        "wasi:cli/stderr@0.2.0",
        "wasi:cli/stdout@0.2.0",
        "wasi:clocks/monotonic-clock@0.2.0",
        "wasi:filesystem/preopens@0.2.0",
        "wasi:random/random@0.2.0",
    ],
    made: &["node_modules", "package-lock.json"],
    ..COMMON
};
static JAVASCRIPT: Facts = Facts {
    title: "JavaScript",
    ..SCRIPT
};
static TYPESCRIPT: Facts = Facts {
    title: "TypeScript",
    ..SCRIPT
};

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Rust,
        Self::Go,
        Self::C,
        Self::Python,
        Self::JavaScript,
        Self::TypeScript,
    ];

    /// Its name on the command line and in `plugin.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::C => "c",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
        }
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        self.facts().title
    }

    /// The facts about its plugins' folders and worlds.
    pub(crate) const fn facts(self) -> &'static Facts {
        match self {
            Self::Rust => &RUST,
            Self::Go => &GO,
            Self::C => &C,
            Self::Python => &PYTHON,
            Self::JavaScript => &JAVASCRIPT,
            Self::TypeScript => &TYPESCRIPT,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|known| known.name() == text);
        found.ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|known| known.name()).collect();
            format!("there is no such language; there are {}", known.join(", "))
        })
    }
}
