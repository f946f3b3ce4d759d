//! C and C++: the bindings of the plugin's world are generated here, into the
//! plugin's folder, and `zig cc`, or the clang of the WASI SDK, compiles them with
//! the plugin and the SDK.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use mortise_toolchain::{find, process::answers};

use super::Recipe;
use crate::{
    Error, MissingTool, bindings, job::Job, language::C_BINDINGS as BINDINGS, sdk::FOLDER as SDK,
};

/// Small, with the names and lines for reports of traps.
const FLAGS: [&str; 5] = ["-mexec-model=reactor", "-Os", "-g", "-Wall", "-Wextra"];

/// The endings of files in C++.
const CPP: [&str; 5] = ["C", "c++", "cc", "cpp", "cxx"];

/// C++'s library. Without exceptions: the compilers' libraries for WASI have none.
const CPP_FLAGS: [&str; 3] = ["-fno-exceptions", "-lc++", "-lc++abi"];

/// Plugins in C and C++.
#[derive(Clone, Copy, Debug)]
pub struct C;

impl Recipe for C {
    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let mut compiler = compiler(job)?;
        job.step("write the world to wit/ and its bindings", || {
            bindings::write_c(job.folder(), job.write_world()?)
        })?;
        let module = job.work()?.join("core.wasm");
        let sdk = job.sdk()?;
        let mut sources = sources(job.folder())?;
        if sources.iter().any(|file| is_cpp(file)) {
            compiler.args(CPP_FLAGS);
        }
        sources.extend(self::sources(&sdk)?);
        // The second tells the world that the first is made of.
        for file in ["plugin.c", "plugin_component_type.o"] {
            sources.push(Path::new(BINDINGS).join(file));
        }
        job.step("compile with the C compiler for wasm32-wasi", || {
            job.run(
                compiler
                    .args(FLAGS)
                    .arg("-I")
                    .arg(&sdk)
                    .args(["-I", BINDINGS, "-o"])
                    .arg(&module)
                    .args(&sources)
                    .current_dir(job.folder()),
            )
        })?;
        job.step("make a component", || {
            job.collect(&job.componentize(&module, None)?)
        })
    }

    fn by_hand(&self, name: &str) -> Vec<String> {
        vec![
            format!("wit-bindgen c wit --world plugin --out-dir {BINDINGS}"),
            format!(
                "zig cc -target wasm32-wasi {} -I {SDK} -I {BINDINGS} -o core.wasm \\",
                FLAGS.join(" ")
            ),
            format!("    *.c {SDK}/*.c {BINDINGS}/plugin.c {BINDINGS}/plugin_component_type.o"),
            "wasm-tools component new core.wasm --adapt wasi_snapshot_preview1.reactor.wasm \\"
                .to_owned(),
            format!("    -o {name}.wasm"),
        ]
    }
}

/// A compiler for C that knows WASI, found on this machine.
fn compiler(job: &Job<'_>) -> Result<Command, Error> {
    let zig = |mut command: Command| {
        command.args(["cc", "-target", "wasm32-wasi"]);
        command
    };
    if let Some(sdk) = std::env::var_os("WASI_SDK_PATH") {
        return Ok(job.command(Path::new(&sdk).join("bin").join("clang")));
    }
    if let Some(program) = find("zig") {
        return Ok(zig(job.command(program)));
    }
    if let Some(python) = find("python3") {
        let mut module = job.command(&python);
        module.args(["-c", "import ziglang"]);
        if answers(&mut module) {
            let mut command = job.command(python);
            command.args(["-m", "ziglang"]);
            return Ok(zig(command));
        }
    }
    Err(Error::MissingTool(MissingTool {
        tool: "zig".to_owned(),
        why: "compiles C for wasm32-wasi".to_owned(),
        get: vec![
            "pip install ziglang  (in a virtual environment, where pip wants one)".to_owned(),
            "install Zig as https://ziglang.org/download says".to_owned(),
            "or install the WASI SDK, with its folder in WASI_SDK_PATH".to_owned(),
        ],
    }))
}

/// Returns the files in C and C++ in a folder, in order.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(|source| Error::file(folder, source))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| is_cpp(file) || file.extension() == Some(OsStr::new("c")))
        .collect();
    files.sort();
    Ok(files)
}

fn is_cpp(file: &Path) -> bool {
    let ending = file.extension().unwrap_or_default();
    CPP.iter().any(|one| ending == OsStr::new(one))
}

#[cfg(test)]
mod tests {
    use super::{is_cpp, sources};

    #[test]
    fn files_in_c_and_cpp_are_sources() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a.c", "b.cc", "c.cpp", "d.cxx", "e.c++", "f.C"];
        for name in names.into_iter().chain(["a.h", "a.hpp", "README.md", "c"]) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = sources(folder.path()).unwrap();
        assert_eq!(found, names.map(|name| folder.path().join(name)));
        let cpp: Vec<_> = found.iter().map(|file| is_cpp(file)).collect();
        assert_eq!(cpp, [false, true, true, true, true, true]);
    }
}
