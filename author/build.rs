//! Puts the templates of new plugins and the SDKs into the crate, so that the
//! command `mortise` carries all that a new plugin is made of.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// Files of an SDK that authors do not need.
const SKIPPED: [&str; 8] = [
    "__pycache__",
    "benches",
    "build",
    "dist",
    "examples",
    "node_modules",
    "target",
    "tests",
];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut code = String::new();
    for (constant, folder) in [
        ("TEMPLATES", "templates"),
        ("SDKS", "sdk"),
        ("CRATES", "crates"),
        ("WIT", "wit"),
        ("WASI", "wasi"),
    ] {
        let folder = here.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        walk(&folder, "", &mut files)?;
        let _ = writeln!(code, "pub(crate) static {constant}: &[File] = &[");
        for (path, file) in files {
            println!("cargo::rerun-if-changed={}", file.display());
            let _ = writeln!(
                code,
                "    File {{ path: {path:?}, bytes: include_bytes!({:?}) }},",
                file.display().to_string()
            );
        }
        code.push_str("];\n");
    }
    fs::write(out.join("embedded.rs"), code)
}

/// All files below a folder in order, links followed.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // What packing leaves: `*.egg-info` and `*.tgz`.
        let is_packing = name.ends_with(".egg-info") || name.ends_with(".tgz");
        if name.starts_with('.') || is_packing || SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let path = entry.path();
        let within = format!("{prefix}{name}");
        if path.is_dir() {
            walk(&path, &format!("{within}/"), files)?;
        } else {
            files.push((within, path));
        }
    }
    Ok(())
}
