//! JavaScript and TypeScript: `jco` makes a component of the plugin's module
//! and its imports, with QuickJS inside. `esbuild` bundles TypeScript first,
//! because `jco`'s own bundling fails with Node.js 20.
//!
//! An engine in a component runs the jobs of its promises between calls only.
//! `esbuild` therefore puts `async` and `await` in terms of the SDK's own
//! `Promise`, which a call runs to its end; JavaScript with promises is bundled
//! for that, too.
//!
//! The tool runs the plugin's module once while it builds, and links the
//! imports for that; it cannot link `wasi:http`. A plugin that calls out
//! therefore imports the same interfaces under the package name `late`, which is
//! as long, and gets their true names in the finished component.
//!
//! With `engine = "starlingmonkey"` in `plugin.toml`, `componentize-js` does
//! the same with the larger engine. It accepts one module, so JavaScript is
//! bundled too. It supports `wasi:http` under its standard name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mortise_toolchain::find;

use super::Recipe;
use crate::{
    Error, MissingTool, embedded,
    job::Job,
    language::HTTP,
    project::{Engine, WIT},
    world,
};

/// Plugins in JavaScript.
pub static JAVASCRIPT: Script = Script {
    source: "plugin.js",
    typed: false,
};
/// Plugins in TypeScript.
pub static TYPESCRIPT: Script = Script {
    source: "plugin.ts",
    typed: true,
};

/// A program from npm: its name, its purpose, and the command that installs it
/// for the plugin.
type Tool = (&'static str, &'static str, &'static str);
const JCO: Tool = (
    "jco",
    "makes components of JavaScript and TypeScript",
    "npm install  (in the plugin's folder, whose package.json names it)",
);
/// It imports the second package, and does not say so to npm; a later version of
/// that does not work with Node.js 20.
const COMPONENTIZE_JS: Tool = (
    "componentize-js",
    "makes components with StarlingMonkey",
    "npm install --save-dev @bytecodealliance/componentize-js @bytecodealliance/preview2-shim@0.25.0",
);
const ESBUILD: Tool = (
    "esbuild",
    "makes one module of several",
    "npm install --save-dev esbuild",
);
/// The engine that `jco` builds in, without functions that only hosts of the
/// component model's next version have.
const ENGINE: [&str; 3] = ["--backend", "quickjs", "--backend-qjs-disable-async"];
/// The output of `esbuild`: one module that imports the host's interfaces.
const BUNDLE: &str = "plugin.js";
const BUNDLING: [&str; 9] = [
    "--bundle",
    "--format=esm",
    "--target=es2023",
    "--supported:async-await=false",
    "--supported:async-generator=false",
    "--supported:for-await=false",
    "--external:mortise:*",
    "--external:wasi:*",
    "--external:late:*",
];
/// The world of a plugin that calls out by HTTP, beside [`world::NAME`].
const WITH_HTTP: &str = "plugin-with-http";
/// The file of the SDK that calls out.
const HTTP_MODULE: &str = "sdk/http";
/// The files of the SDK that a bundle begins with: its `Promise`, and `fetch` for
/// a plugin that calls it.
const PROMISE: &str = "sdk/promise.js";
const FETCH: &str = "sdk/fetch.js";
/// Words by which a plugin uses promises.
const PROMISES: [&str; 6] = [
    "async",
    "await",
    "Promise",
    "fetch",
    "queueMicrotask",
    "setTimeout",
];
/// The package name of [`LATE_PACKAGES`] while the tool runs.
const LATE: &str = "late:";
const TRUE: &str = "wasi:";
const LATE_PACKAGES: [&str; 3] = ["clocks.wit", "http.wit", "io.wit"];
/// The id of a component's section of imports.
const IMPORTS: u8 = 10;
/// Entries of a plugin's folder that are not its source.
const NOT_SOURCE: [&str; 4] = ["dist", "node_modules", "sdk", "wit"];

/// One of the two languages.
#[derive(Debug)]
pub struct Script {
    source: &'static str,
    typed: bool,
}

impl Recipe for Script {
    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        match job.project().engine {
            Engine::QuickJs => self.with_quickjs(job),
            Engine::StarlingMonkey => self.with_starlingmonkey(job),
        }
    }

    fn by_hand(&self, name: &str) -> Vec<String> {
        let engine = ENGINE.join(" ");
        let mut lines = vec!["npm install".to_owned()];
        let source = if self.typed {
            lines.push(format!(
                "npx esbuild {} {} --outfile={BUNDLE}",
                self.source,
                BUNDLING.join(" ")
            ));
            BUNDLE
        } else {
            self.source
        };
        lines.push(format!(
            "npx jco componentize {source} --wit ./wit --world-name {} {engine} -o {name}.wasm",
            world::NAME
        ));
        lines.push("# a plugin that imports sdk/http.js needs `mortise plugin build`".to_owned());
        lines
    }
}

impl Script {
    fn with_quickjs(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let jco = tool(job, JCO)?;
        let world = write_world(job, LATE)?;
        let promises = word_of(job.folder(), &PROMISES);
        if let (false, Some(place)) = (self.typed, &promises) {
            // Before the step that fails otherwise, for the place.
            tool_for(job, ESBUILD, &format!("runs the promises of {place}"))?;
        }
        let (folder, source, wit) = if self.typed || promises.is_some() {
            bundle(job, self.source)?;
            (job.work()?, BUNDLE, "../../wit")
        } else {
            (job.folder().to_owned(), self.source, "./wit")
        };
        let module = made_anew(job)?;
        let mut component = job.step("make the component with jco and QuickJS", || {
            job.run(
                job.command(jco)
                    // The tool finds the source and the world from here only.
                    .current_dir(folder)
                    .args(["componentize", source, "--wit", wit, "--world-name", world])
                    .args(ENGINE)
                    .arg("-o")
                    .arg(&module),
            )?;
            fs::read(&module).map_err(|source| Error::file(&module, source))
        })?;
        name_truly(&mut component);
        job.collect(&component)
    }

    fn with_starlingmonkey(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let tool = tool(job, COMPONENTIZE_JS)?;
        let world = write_world(job, TRUE)?;
        bundle(job, self.source)?;
        let bundled = job.work()?.join(BUNDLE);
        let named = fs::read_to_string(&bundled)
            .map(|text| text.replace(&format!("from \"{LATE}"), &format!("from \"{TRUE}")))
            .and_then(|text| fs::write(&bundled, text));
        named.map_err(|source| Error::file(&bundled, source))?;
        let module = made_anew(job)?;
        job.step("make the component with componentize-js", || {
            job.run(
                job.command(tool)
                    .arg(&bundled)
                    .args(["--wit", WIT, "--world-name", world, "--out"])
                    .arg(&module),
            )
        })?;
        job.collect_file(&module)
    }
}

/// Writes the world, and beside it the one with HTTP if the plugin calls out;
/// returns the name of the one to build.
fn write_world(job: &Job<'_>, http: &str) -> Result<&'static str, Error> {
    job.write_world()?;
    job.sdk()?;
    if !calls_out(job.folder()) {
        return Ok(world::NAME);
    }
    write_http_world(job, http)?;
    Ok(WITH_HTTP)
}

/// Returns an empty folder for the tool's output.
fn made_anew(job: &Job<'_>) -> Result<PathBuf, Error> {
    let module = job.work()?.join("plugin.wasm");
    if module.exists() {
        fs::remove_file(&module).map_err(|source| Error::file(&module, source))?;
    }
    Ok(module)
}

/// Checks the types, where TypeScript is there, and makes one module of all in
/// the work folder.
fn bundle(job: &Job<'_>, source: &str) -> Result<(), Error> {
    let esbuild = tool(job, ESBUILD)?;
    let typed = source.ends_with(".ts");
    if typed && let Some(tsc) = installed(job.folder(), "tsc") {
        job.step("check types with tsc", || {
            job.run(job.command(tsc).arg("--noEmit"))
        })?;
    }
    let mut outfile = std::ffi::OsString::from("--outfile=");
    outfile.push(job.work()?.join(BUNDLE));
    let mut first = Vec::new();
    // An older copy of the SDK has neither.
    if job.folder().join(PROMISE).is_file() {
        first.push(format!("--inject:./{PROMISE}"));
    }
    if job.folder().join(FETCH).is_file() && word_of(job.folder(), &["fetch"]).is_some() {
        first.push(format!("--inject:./{FETCH}"));
    }
    job.step("bundle with esbuild", || {
        job.run(
            job.command(esbuild)
                .arg(source)
                .args(BUNDLING)
                .args(&first)
                .arg("--log-level=warning")
                .arg(outfile),
        )
    })
}

/// A program that npm installed for the plugin, or in a folder around it, or one
/// on the path.
fn installed(folder: &Path, name: &str) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|around| around.join("node_modules/.bin").join(name))
        .find(|file| file.is_file())
        .or_else(|| find(name))
}

/// The same, or how to get it.
fn tool(job: &Job<'_>, tool: Tool) -> Result<PathBuf, Error> {
    tool_for(job, tool, tool.1)
}

/// The same, for a reason of the plugin's.
fn tool_for(job: &Job<'_>, (name, _, get): Tool, why: &str) -> Result<PathBuf, Error> {
    installed(job.folder(), name).ok_or_else(|| {
        Error::MissingTool(MissingTool {
            tool: name.to_owned(),
            why: why.to_owned(),
            get: vec![
                get.to_owned(),
                "npm comes with Node.js 20 or newer: https://nodejs.org, or Debian: apt-get install npm".to_owned(),
            ],
        })
    })
}

/// Whether a source file of the plugin uses the SDK's HTTP.
fn calls_out(folder: &Path) -> bool {
    word_of(folder, &["fetch"]).is_some()
        || look(folder, &|_, text| text.contains(HTTP_MODULE).then_some(())).is_some()
}

/// The place of the first of these words in the plugin's own sources, such as
/// `src/hook.ts:12`; comments do not count.
fn word_of(folder: &Path, words: &[&str]) -> Option<String> {
    look(folder, &|file, text| {
        let line = line_of(text, words)?;
        let within = file.strip_prefix(folder).unwrap_or(file);
        Some(format!("{}:{line}", within.display()))
    })
}

/// The first answer about one of the plugin's own sources, in order.
fn look<T>(folder: &Path, ask: &dyn Fn(&Path, &str) -> Option<T>) -> Option<T> {
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    entries.iter().find_map(|entry| {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            let passed_over = NOT_SOURCE.iter().any(|other| name == *other);
            return (!passed_over).then(|| look(&path, ask)).flatten();
        }
        let is_source = path
            .extension()
            .is_some_and(|ending| ["js", "mjs", "ts"].iter().any(|one| ending == *one));
        let text = fs::read_to_string(&path).ok().filter(|_| is_source)?;
        ask(&path, &text)
    })
}

/// The number of the first line with one of these words outside of comments. A
/// word that is an object's member, or in a text, counts, too.
fn line_of(text: &str, words: &[&str]) -> Option<usize> {
    let mut in_comment = false;
    text.lines().enumerate().find_map(|(at, line)| {
        let mut code = line;
        if in_comment {
            code = code.split_once("*/")?.1;
            in_comment = false;
        }
        if let Some((before, after)) = code.split_once("/*") {
            in_comment = !after.contains("*/");
            code = before;
        }
        // Not the slashes of an address.
        let end = code
            .match_indices("//")
            .map(|(found, _)| found)
            .find(|&found| !code.get(..found).is_some_and(|head| head.ends_with(':')));
        let code = code.get(..end.unwrap_or(code.len())).unwrap_or(code);
        let found = code
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .any(|word| words.contains(&word));
        found.then_some(at + 1)
    })
}

/// Writes the world that has HTTP, whose packages are called so.
fn write_http_world(job: &Job<'_>, package: &str) -> Result<(), Error> {
    let folder = job.folder().join(WIT);
    let called = |text: &str| text.replace(TRUE, package);
    for file in embedded::WASI {
        if package == LATE && LATE_PACKAGES.contains(&file.path) {
            let text = called(&String::from_utf8_lossy(file.bytes));
            world::put(
                &folder.join("deps").join(format!("late-{}", file.path)),
                text.as_bytes(),
            )?;
        }
    }
    let text = format!(
        "package local:{};\n\nworld {WITH_HTTP} {{\n    include {};\n    import {};\n}}\n",
        job.project().name,
        world::NAME,
        called(HTTP)
    );
    world::put(&folder.join("with-http.wit"), text.as_bytes())
}

/// Gives a component's imports their standard names. Leaves other content
/// unchanged; loading it reports the error.
fn name_truly(component: &mut [u8]) {
    let mut at = 8;
    while let Some(&id) = component.get(at) {
        let Some((length, begin)) = length_at(component, at + 1) else {
            return;
        };
        let end = begin.saturating_add(length);
        let Some(section) = component.get_mut(begin..end) else {
            return;
        };
        if id == IMPORTS {
            let mut rest = section;
            while let Some(found) = rest
                .windows(LATE.len())
                .position(|part| part == LATE.as_bytes())
            {
                let (_, from) = rest.split_at_mut(found);
                let (name, behind) = from.split_at_mut(LATE.len());
                name.copy_from_slice(TRUE.as_bytes());
                rest = behind;
            }
        }
        at = end;
    }
}

/// A number of WebAssembly's variable length, and where what follows it begins.
fn length_at(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let (mut value, mut shift) = (0_usize, 0_u32);
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::{PROMISES, calls_out, line_of, name_truly};

    #[test]
    fn promises_are_found_outside_of_comments() {
        for (text, line) in [
            ("async function a() {}", Some(1)),
            ("\n  await b;", Some(2)),
            ("// async\n/* await\n fetch */ c();", None),
            ("/* a */\n/* b\n*/ new Promise(d)", Some(3)),
            ("get('http://a'); fetch(b)", Some(1)),
            ("prefetch(asynchronous)", None),
        ] {
            assert_eq!(line_of(text, &PROMISES), line, "{text}");
        }
    }

    #[test]
    fn only_imports_of_the_component_itself_are_named() {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        // A custom section, an import section of two names, one cut short.
        component.extend(b"\x00\x07\x01alate:");
        component.extend(b"\x0a\x11late:http/late:io");
        component.extend(b"\x0a\x7flate:");
        name_truly(&mut component);
        let text = String::from_utf8_lossy(&component);
        assert!(text.contains("alate:"), "{text}");
        assert!(text.contains("wasi:http/wasi:io"), "{text}");
        assert!(text.ends_with("late:"), "{text}");
        name_truly(&mut []);
        name_truly(&mut [0, 1, 2]);
    }

    #[test]
    fn a_plugin_calls_out_if_its_own_source_imports_http() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "import { http } from \"../sdk/http.js\";").unwrap();
        };
        write("sdk/other.js");
        write("node_modules/a/index.js");
        write("README.md");
        assert!(!calls_out(folder.path()));
        write("src/hook.ts");
        assert!(calls_out(folder.path()));
    }
}
