//! C: the bindings of the plugin's world are generated here, into the plugin's
//! folder, and `zig cc`, or the clang of the WASI SDK, compiles them with the
//! plugin and the SDK.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use mortise_toolchain::{find, process::answers};
use wit_bindgen_core::Files;

use super::Recipe;
use crate::{
    Error, MissingTool, job::Job, language::C_BINDINGS as BINDINGS, sdk::FOLDER as SDK,
    world::World,
};

/// Small, with the names and lines for reports of traps.
const FLAGS: [&str; 5] = ["-mexec-model=reactor", "-Os", "-g", "-Wall", "-Wextra"];

/// How files in C++ end.
const CPP: [&str; 5] = ["C", "c++", "cc", "cpp", "cxx"];

/// Plugins in C.
#[derive(Clone, Copy, Debug)]
pub struct C;

impl Recipe for C {
    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let mut compiler = compiler(job)?;
        job.step("write the world to wit/ and its bindings", || {
            bindings(job.folder(), job.write_world()?)
        })?;
        let module = job.work()?.join("core.wasm");
        let sdk = job.sdk()?;
        let mut sources = sources(job.folder())?;
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

/// Generates the bindings of a world.
fn bindings(folder: &Path, mut world: World) -> Result<(), Error> {
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut world.resolve, world.id, &mut files)
        .map_err(|error| Error::World(format!("{error:#}")))?;
    let folder = folder.join(BINDINGS);
    fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
    for (name, bytes) in files.iter() {
        let file = folder.join(name);
        if fs::read(&file).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::write(&file, bytes).map_err(|source| Error::file(&file, source))?;
    }
    Ok(())
}

/// The files in C in a folder, in order.
///
/// # Errors
///
/// There is one in C++, which would be left out.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(|source| Error::file(folder, source))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    let ends_with = |file: &Path, endings: &[&str]| {
        let ending = file.extension().unwrap_or_default();
        endings.iter().any(|one| ending == OsStr::new(one))
    };
    if let Some(file) = files.iter().find(|file| ends_with(file, &CPP)) {
        return Err(Error::Project {
            file: file.clone(),
            text: "is C++, which a plugin in C is not built with: write it in C, or move it into a folder of its own, compile it there with `zig c++ -target wasm32-wasi -c`, and follow the lines in the plugin's README".to_owned(),
        });
    }
    files.retain(|file| ends_with(file, &["c"]));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::sources;

    #[test]
    fn a_file_in_cpp_is_not_left_out_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.c", "a.c", "a.h"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = sources(folder.path()).unwrap();
        assert_eq!(found, ["a.c", "b.c"].map(|name| folder.path().join(name)));
        for name in ["d.cc", "d.cpp", "d.cxx", "d.c++", "d.C"] {
            let file = folder.path().join(name);
            std::fs::write(&file, "").unwrap();
            let refused = sources(folder.path()).unwrap_err().to_string();
            assert!(refused.contains(name), "{refused}");
            std::fs::remove_file(&file).unwrap();
        }
    }
}
