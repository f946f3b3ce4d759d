//! The Debian package: the program, its manual and completions, a unit of systemd, and
//! the scripts that make and remove its user and its data.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{Release, VERSION, name_of};
use crate::{
    run::run,
    tree::{self, Tree},
};

/// The scripts that dpkg runs.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
/// Files that administrators change and upgrades keep.
const SETTINGS: &str = "etc/mortise/mortise.toml";

/// Makes the package.
pub(super) fn make(release: &Release<'_>) -> Result<PathBuf> {
    let packaging = release.workspace.root.join("packaging");
    let tree = Tree::new(&release.work.join("deb"))?;
    let put = |from: &Path, to: &str| tree.copy(from, Path::new(to), 0o644);
    tree.copy(&release.program.file, Path::new("usr/bin/mortise"), 0o755)?;
    put(
        &packaging.join("mortise.service"),
        "usr/lib/systemd/system/mortise.service",
    )?;
    put(&packaging.join("mortise.toml"), SETTINGS)?;
    let documents = Path::new("usr/share/doc/mortise");
    tree.copy(
        &packaging.join("debian/copyright"),
        &documents.join("copyright"),
        0o644,
    )?;
    for name in [
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "CHANGELOG.md",
        "docs/install.md",
    ] {
        let file = release.workspace.root.join(name);
        tree.copy(&file, &documents.join(name_of(&file)?), 0o644)?;
    }
    let manuals = Path::new("usr/share/man/man1");
    tree.folder(manuals, 0o755)?;
    for page in &release.program.manuals {
        let name = format!("{}.gz", name_of(page)?.to_string_lossy());
        let packed = release.work.join("page.gz");
        tree::gzip(page, &packed, release.quick)?;
        tree.copy(&packed, &manuals.join(name), 0o644)?;
    }
    for (shell, script) in &release.program.completions {
        let place = match *shell {
            "zsh" => "usr/share/zsh/vendor-completions/_mortise",
            "fish" => "usr/share/fish/vendor_completions.d/mortise.fish",
            _ => "usr/share/bash-completion/completions/mortise",
        };
        tree.write(Path::new(place), script, 0o644)?;
    }
    let kibibytes = kibibytes(&tree.root)?;
    let about = Path::new("DEBIAN");
    tree.write(&about.join("control"), control(release, kibibytes)?, 0o644)?;
    tree.write(&about.join("conffiles"), format!("/{SETTINGS}\n"), 0o644)?;
    for script in SCRIPTS {
        tree.copy(
            &packaging.join("debian").join(script),
            &about.join(script),
            0o755,
        )?;
    }
    let file = release.folder.join(format!(
        "mortise_{VERSION}-{}_{}.deb",
        release.revision, release.platform.debian
    ));
    let packing: &[&str] = if release.quick {
        &["-Zgzip", "-z1"]
    } else {
        &["-Zxz"]
    };
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "--build"])
        .args(packing)
        .arg(&tree.root)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", release.time.to_string()))?;
    Ok(file)
}

fn control(release: &Release<'_>, kibibytes: u64) -> Result<String> {
    let mut depends = vec![
        "init-system-helpers (>= 1.54)".to_owned(),
        "passwd".to_owned(),
    ];
    if let Some(version) = &release.program.glibc {
        depends.push(format!("libc6 (>= {version})"));
        depends.push("libgcc-s1".to_owned());
    }
    let mut text = String::new();
    for (name, value) in [
        ("Package", "mortise".to_owned()),
        ("Version", format!("{VERSION}-{}", release.revision)),
        ("Section", "net".to_owned()),
        ("Priority", "optional".to_owned()),
        ("Architecture", release.platform.debian.to_owned()),
        ("Installed-Size", kibibytes.to_string()),
        ("Depends", depends.join(", ")),
        ("Recommends", "ca-certificates".to_owned()),
        (
            "Maintainer",
            "The Mortise authors <mortise@users.noreply.github.com>".to_owned(),
        ),
        ("Homepage", env!("CARGO_PKG_REPOSITORY").to_owned()),
        (
            "Description",
            "push-notification server with sandboxed plugins".to_owned(),
        ),
    ] {
        writeln!(text, "{name}: {value}").context("a text cannot be written")?;
    }
    text.push_str(
        " Mortise speaks Gotify's API: Gotify's apps and scripts work with it unchanged.\n \
         Plugins change, drop, receive and send messages. They are WebAssembly components\n \
         or native processes, and can use only the permissions that a person granted.\n",
    );
    Ok(text)
}

/// The size of everything below a folder, in KiB.
fn kibibytes(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        size += if entry.file_type()?.is_dir() {
            kibibytes(&entry.path())?
        } else {
            entry.metadata()?.len().div_ceil(1024)
        };
    }
    Ok(size)
}
