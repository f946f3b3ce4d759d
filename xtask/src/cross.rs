//! Builds for other platforms than this machine's: static programs for Linux on x86_64
//! and aarch64. rustup has the standard library of each, and `zig cc`, from PyPI, compiles
//! the C code of crates with musl's headers. The linker is Rust's own, as
//! `.cargo/config.toml` says.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    clients,
    run::{answers, output, say},
    workspace::Workspace,
};

/// The platforms, as rustc names them and as Zig does.
const PLATFORMS: [(&str, &str); 2] = [
    ("x86_64-unknown-linux-musl", "x86_64-linux-musl"),
    ("aarch64-unknown-linux-musl", "aarch64-linux-musl"),
];

/// Prepares a command of cargo for a platform: installs its standard library if it is
/// missing, and names the compiler for C. For other platforms than those above, the
/// person who builds provides both.
pub(crate) fn prepare(workspace: &Workspace, triple: &str, command: &mut Command) -> Result<()> {
    let Some((_, zig)) = PLATFORMS.into_iter().find(|(name, _)| *name == triple) else {
        return Ok(());
    };
    provide_library(workspace, triple)?;
    let python = clients::zig(workspace)?;
    let folder = workspace.tools().join("cross").join(triple);
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let suffix = triple.replace('-', "_");
    let tools = [
        ("CC", "cc", compiler(&python, zig)),
        ("AR", "ar", archiver(&python)),
    ];
    for (variable, name, script) in tools {
        command.env(
            format!("{variable}_{suffix}"),
            write(&folder.join(name), &script)?,
        );
    }
    Ok(())
}

/// Finds the standard library, or has rustup install it.
fn provide_library(workspace: &Workspace, triple: &str) -> Result<()> {
    let libraries =
        output(
            workspace
                .rustc()
                .args(["--print", "target-libdir", "--target", triple]),
        )?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    say(format_args!("installing the standard library of {triple}"));
    if !answers(
        Command::new("rustup")
            .args(["target", "add", triple])
            .current_dir(&workspace.root),
    ) {
        bail!(
            "there is no standard library of {triple}: install it with `rustup target add {triple}`"
        );
    }
    Ok(())
}

/// A compiler for C. Build scripts name the platform as rustc does, which Zig does not
/// understand. Its checks of undefined behaviour need a library that Rust's linker lacks.
fn compiler(python: &Path, zig: &str) -> String {
    format!(
        r#"#!/bin/sh
for argument; do
    shift
    case $argument in
        --target=*) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec '{}' -m ziglang cc -target {zig} -fno-sanitize=undefined "$@"
"#,
        python.display()
    )
}

fn archiver(python: &Path) -> String {
    format!(
        "#!/bin/sh\nexec '{}' -m ziglang ar \"$@\"\n",
        python.display()
    )
}

/// Writes a script, unless it is there: cargo would build anew what depends on it.
fn write(path: &Path, script: &str) -> Result<PathBuf> {
    if !fs::read_to_string(path).is_ok_and(|there| there == script) {
        fs::write(path, script)
            .and_then(|()| make_executable(path))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(path.to_owned())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "programs for other platforms are built on Linux or macOS",
    ))
}
