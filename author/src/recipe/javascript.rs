//! JavaScript and TypeScript: `esbuild` makes one module of the plugin's module,
//! its imports and packages from npm, and `jco` makes a component of it, with
//! QuickJS inside. `jco`'s own bundling fails with Node.js 20.
//!
//! An engine in a component runs the jobs of its promises between calls only.
//! `esbuild` therefore puts `async` and `await` in terms of the SDK's own
//! `Promise`, which a call runs to its end. The bundle contains its source map,
//! with which the SDK reports an exception's stack, and `lacking` finds names
//! that the engine lacks.
//!
//! The tool runs the plugin's module once while it builds, and links the
//! imports for that; it cannot link `wasi:http`. A plugin that calls out
//! therefore imports the same interfaces under the package name `late`, which is
//! as long, and gets their true names in the finished component.
//!
//! With `engine = "starlingmonkey"` in `plugin.toml`, `componentize-js` does
//! the same with the larger engine. It supports `wasi:http` under its standard
//! name.

mod lacking;
mod source_map;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use mortise_toolchain::{find, process};
use serde_json::json;

use self::source_map::SourceMap;

use super::Recipe;
use crate::{
    Error, MissingTool, embedded,
    job::Job,
    language::HTTP,
    packaged::{self, PACKAGE},
    project::{Engine, WIT},
    sdk::FOLDER as SDK,
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
/// The file of the SDK that calls out, in the plugin's own copy and in the package.
const HTTP_MODULES: [&str; 2] = ["sdk/http", "mortise-plugin/http"];
/// The files of the SDK that a bundle begins with: its `Promise`, and `fetch` for
/// a plugin that calls it.
const PROMISE: &str = "promise.js";
const FETCH: &str = "fetch.js";
/// The output of a second run, which looks for names that the engine lacks.
const MARKED: &str = "marked.js";
/// The bundle's variable with its source map, which the SDK's `trace.js` reads.
const MAP: &str = "__mortiseSourceMap";
/// The advice of `esbuild` about modules of Node.js, which does not help here, and
/// the beginning of the trace of its own script.
const FOR_NODE: &str = "Are you trying to bundle for";
const SCRIPT_FAILED: &str = "node:child_process:";
const WITHOUT_NODE: &str = "A component has no modules of Node.js. Use `fetch`, `crypto`, `host.storage`, or the SDK's files.js, http.js and process.js.";
/// The package name of [`LATE_PACKAGES`] while the tool runs.
const LATE: &str = "late:";
const TRUE: &str = "wasi:";
const LATE_PACKAGES: [&str; 3] = ["clocks.wit", "http.wit", "io.wit"];
/// The id of a component's section of imports.
const IMPORTS: u8 = 10;
/// Entries of a plugin's folder that are not its source.
const NOT_SOURCE: [&str; 4] = ["dist", "node_modules", SDK, "wit"];

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
        vec![
            "npm install".to_owned(),
            format!(
                "npx esbuild {} {} --inject:./{SDK}/{PROMISE} --outfile=dist/{BUNDLE}",
                self.source,
                BUNDLING.join(" ")
            ),
            format!(
                "npx jco componentize dist/{BUNDLE} --wit ./wit --world-name {} {engine} -o {name}.wasm",
                world::NAME
            ),
            "# a plugin that calls out, with fetch or sdk/http.js, needs `mortise plugin build`"
                .to_owned(),
        ]
    }
}

impl Script {
    fn with_quickjs(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let jco = tool(job, JCO)?;
        let world = write_world(job, LATE)?;
        self.bundle(job)?;
        let module = made_anew(job)?;
        let folder = job.work()?;
        let mut component = job.step("make the component with jco and QuickJS", || {
            job.run(
                job.command(jco)
                    // The tool finds the source and the world from here only.
                    .current_dir(folder)
                    .args(["componentize", BUNDLE, "--wit", "../../wit"])
                    .args(["--world-name", world])
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
        self.bundle(job)?;
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

    /// Makes one module of all in the work folder, with its source map, and
    /// checks the names and types in it.
    fn bundle(&self, job: &Job<'_>) -> Result<(), Error> {
        let esbuild = tool(job, ESBUILD)?;
        let bundle = job.work()?.join(BUNDLE);
        let map = job.step("bundle with esbuild", || {
            self.write_bundle(job, &esbuild, &bundle, &["--log-level=warning".to_owned()])?;
            let map = SourceMap::beside(&bundle)?;
            self.check_names(job, &esbuild, &map)?;
            Ok(map)
        })?;
        // After the names: about a name of Node.js, the compiler recommends types
        // that only hide the error.
        if self.typed
            && let Some(tsc) = installed(job.folder(), "tsc")
        {
            job.step("check types with tsc", || {
                job.run(job.command(tsc).arg("--noEmit"))
            })?;
        }
        embed(job, &bundle, &map)
    }

    fn write_bundle(
        &self,
        job: &Job<'_>,
        esbuild: &Path,
        bundle: &Path,
        more: &[String],
    ) -> Result<(), Error> {
        let mut outfile = std::ffi::OsString::from("--outfile=");
        outfile.push(bundle);
        let sdk = sdk(job)?;
        let mut first = Vec::new();
        // An older copy of the SDK has neither.
        if sdk.join(PROMISE).is_file() {
            first.push(injected(&sdk.join(PROMISE)));
        }
        if sdk.join(FETCH).is_file() && uses_fetch(job.folder()) {
            first.push(injected(&sdk.join(FETCH)));
        }
        let mut command = job.command(esbuild);
        command
            .arg(self.source)
            .args(BUNDLING)
            .args(first)
            .args(more)
            .args(["--sourcemap=external", "--sources-content=false"])
            .arg(outfile);
        Ok(process::run_worded(&mut command, worded)?)
    }

    /// Fails at a name in the plugin's own files that the engine lacks, and warns of
    /// one in a package: its function may never be called.
    fn check_names(&self, job: &Job<'_>, esbuild: &Path, map: &SourceMap) -> Result<(), Error> {
        let engine = job.project().engine;
        let (work, sdk) = (job.work()?, sdk(job)?);
        let may_use = |path: &String| {
            // A package's own source map can name files that it does not contain.
            fs::read_to_string(work.join(path)).map_or(true, |text| lacking::may_use(&text, engine))
        };
        let mut written = map.sources.iter().filter(|path| !is_sdk(&sdk, &work, path));
        if !written.any(may_use) {
            return Ok(());
        }
        let marked = work.join(MARKED);
        // The first run has shown the warnings.
        let mut more = lacking::marking(engine);
        more.push("--log-level=error".to_owned());
        self.write_bundle(job, esbuild, &marked, &more)?;
        let text = fs::read_to_string(&marked).map_err(|source| Error::file(&marked, source))?;
        let uses = lacking::uses(&text, &SourceMap::beside(&marked)?, engine);
        let (packaged, own): (Vec<_>, Vec<_>) =
            uses.into_iter().partition(lacking::Use::is_in_package);
        for one in packaged {
            let _ = writeln!(io::stderr(), "warning: not in a component: {one}");
        }
        if own.is_empty() {
            return Ok(());
        }
        Err(Error::Lacking(
            own.iter().map(ToString::to_string).collect(),
        ))
    }
}

/// Appends the source map to the bundle, without the SDK's own places.
fn embed(job: &Job<'_>, bundle: &Path, map: &SourceMap) -> Result<(), Error> {
    let (work, sdk) = (job.work()?, sdk(job)?);
    let sources: Vec<_> = map
        .sources
        .iter()
        .map(|path| (!is_sdk(&sdk, &work, path)).then(|| lacking::within(path)))
        .collect();
    let text = json!({ "sources": sources, "mappings": map.mappings });
    let appended = fs::OpenOptions::new()
        .append(true)
        .open(bundle)
        .and_then(|mut file| write!(file, "\nglobalThis.{MAP} = {text};\n"));
    appended.map_err(|source| Error::file(bundle, source))
}

/// Returns true for a source of the SDK, which may be a link to another folder.
fn is_sdk(sdk: &Path, work: &Path, source: &str) -> bool {
    let file = work.join(source).canonicalize();
    let sdk = sdk.canonicalize();
    matches!((file, sdk), (Ok(file), Ok(sdk)) if file.starts_with(&sdk))
}

/// Puts an error of `esbuild` about a module of Node.js into words that help here.
fn worded(output: &str) -> String {
    let output = output
        .split_once(SCRIPT_FAILED)
        .map_or(output, |(own, _)| own);
    let lines = output.lines().map(|line| match line.split_once(FOR_NODE) {
        Some((before, _)) => format!("{before}{WITHOUT_NODE}\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// Writes the world, and beside it the one with HTTP if the plugin calls out;
/// returns the name of the one to build.
fn write_world(job: &Job<'_>, http: &str) -> Result<&'static str, Error> {
    job.write_world()?;
    job.own_sdk()?;
    if !calls_out(job.folder()) {
        return Ok(world::NAME);
    }
    write_http_world(job, http)?;
    Ok(WITH_HTTP)
}

/// Returns the folder of the SDK: the plugin's own copy, or the package.
fn sdk(job: &Job<'_>) -> Result<PathBuf, Error> {
    if !packaged::is_brought(job.project()) {
        return Ok(job.folder().join(SDK));
    }
    packaged::in_node_modules(job.folder()).ok_or_else(|| {
        Error::MissingTool(MissingTool {
            tool: PACKAGE.to_owned(),
            why: "is the SDK, which package.json names".to_owned(),
            get: vec!["npm install  (in the plugin's folder)".to_owned()],
        })
    })
}

/// The option of `esbuild` that begins the bundle with a file.
fn injected(file: &Path) -> String {
    format!("--inject:{}", file.display())
}

/// Returns the file of the tool's output, which is not there yet.
fn made_anew(job: &Job<'_>) -> Result<PathBuf, Error> {
    let module = job.work()?.join("plugin.wasm");
    if module.exists() {
        fs::remove_file(&module).map_err(|source| Error::file(&module, source))?;
    }
    Ok(module)
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
fn tool(job: &Job<'_>, (name, why, get): Tool) -> Result<PathBuf, Error> {
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
    uses_fetch(folder)
        || any_source(folder, &|text| {
            HTTP_MODULES.iter().any(|module| text.contains(module))
        })
}

/// Whether a source file of the plugin has the word `fetch`; comments do not count.
fn uses_fetch(folder: &Path) -> bool {
    any_source(folder, &|text| has_word(text, "fetch"))
}

/// Whether the answer about one of the plugin's own sources is yes.
fn any_source(folder: &Path, ask: &dyn Fn(&str) -> bool) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(Result::ok).any(|entry| {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            return !NOT_SOURCE.iter().any(|other| name == *other) && any_source(&path, ask);
        }
        let is_source = path
            .extension()
            .is_some_and(|ending| ["js", "mjs", "ts"].iter().any(|one| ending == *one));
        is_source && fs::read_to_string(&path).is_ok_and(|text| ask(&text))
    })
}

/// Returns true if a word is in the text outside of comments. A word that is an
/// object's member, or in a string, counts, too.
fn has_word(text: &str, word: &str) -> bool {
    let mut in_comment = false;
    text.lines().any(|line| {
        let mut code = line;
        if in_comment {
            let Some((_, after)) = code.split_once("*/") else {
                return false;
            };
            code = after;
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
        code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .any(|one| one == word)
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
    use super::{WITHOUT_NODE, calls_out, has_word, name_truly, worded};

    #[test]
    fn a_word_is_found_outside_of_comments() {
        for (text, found) in [
            ("\n  await fetch(b);", true),
            ("// fetch\n/* fetch\n fetch */ c();", false),
            ("/* a */\n/* b\n*/ fetch(d)", true),
            ("get('http://a'); fetch(b)", true),
            ("prefetch(fetching)", false),
        ] {
            assert_eq!(has_word(text, "fetch"), found, "{text}");
        }
    }

    #[test]
    fn a_module_of_node_is_an_error_in_our_words() {
        let said = "[ERROR] Could not resolve \"fs\"\n\n    a.ts:1:15:\n\n  The package \"fs\" is built into node. Are you trying to bundle for node? You can.\n\nnode:child_process:930\n  throw err;\n";
        let told = worded(said);
        assert!(told.contains("a.ts:1:15:\n"), "{told}");
        assert!(told.contains(&format!("node. {WITHOUT_NODE}\n")), "{told}");
        assert!(!told.contains("throw"), "{told}");
        assert_eq!(worded(""), "");
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
        let packaged = "import { http } from \"mortise-plugin/http.js\";";
        std::fs::write(folder.path().join("src/hook.ts"), packaged).unwrap();
        assert!(calls_out(folder.path()));
    }
}
