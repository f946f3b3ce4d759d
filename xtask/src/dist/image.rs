//! The container image: an archive in OCI's layout, made without a daemon. It has the
//! program, the libraries that it needs, a user, and nothing else: no shell.
//!
//! The archive also has the list that `docker load` reads.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Release, VERSION};
use crate::{
    checksums::sha256,
    tree::{self, Tree},
};

/// The number of the user and of its group.
pub(super) const USER: u32 = 65532;
/// The folder for the server's data.
pub(super) const DATA: &str = "/data";
/// The files of the image as an archive, among the parts.
pub(super) const LAYER_FILE: &str = "layer.tar";
const PORT: u16 = 8080;

const USERS: &str = "root:x:0:0:root:/:/sbin/nologin
mortise:x:65532:65532:Mortise:/data:/sbin/nologin
";
const GROUPS: &str = "root:x:0:\nmortise:x:65532:\n";
const NAMES: &str = "passwd: files\ngroup: files\nhosts: files dns\n";

/// Files of this machine that go into the image if they are here: the certificate
/// authorities that plugins trust, and the licences of the libraries.
const OTHERS: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/share/doc/libc6/copyright",
    "/usr/share/doc/libgcc-s1/copyright",
];

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Makes the archive.
pub(super) fn make(release: &Release<'_>) -> Result<PathBuf> {
    let layer = layer(release)?;
    let unpacked = sha256(&layer)?;
    let layout = Layout {
        tree: Tree::new(&release.work.join("image"))?,
    };
    let packed = release.work.join("layer.tar.gz");
    tree::gzip(&layer, &packed, release.quick)?;
    let layer = layout.blob(LAYER, &packed)?;
    let created = tree::written(release.time)?;
    let config = layout.json(CONFIG, &config(release, &created, &unpacked), release)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [layer],
        "annotations": labels(),
    });
    let mut manifest = layout.json(MANIFEST, &manifest, release)?;
    if let Some(about) = manifest.as_object_mut() {
        about.insert(
            "platform".to_owned(),
            json!({ "os": "linux", "architecture": release.platform.debian }),
        );
        about.insert(
            "annotations".to_owned(),
            json!({ "org.opencontainers.image.ref.name": format!("mortise:{VERSION}") }),
        );
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest] });
    let for_docker = json!([{
        "Config": blob_of(&config)?,
        "RepoTags": [format!("mortise:{VERSION}"), "mortise:latest"],
        "Layers": [blob_of(&layer)?],
    }]);
    for (name, content) in [
        ("oci-layout", json!({ "imageLayoutVersion": "1.0.0" })),
        ("index.json", index),
        ("manifest.json", for_docker),
    ] {
        layout
            .tree
            .write(Path::new(name), content.to_string(), 0o644)?;
    }
    let file = release.folder.join(format!("{}-image.tar", release.name()));
    layout.tree.tar(&file, release.time)
}

/// The files of the image, as an archive.
fn layer(release: &Release<'_>) -> Result<PathBuf> {
    let tree = Tree::new(&release.work.join("layer"))?;
    tree.copy(&release.program.file, Path::new("usr/bin/mortise"), 0o755)?;
    for file in &release.program.libraries {
        tree.copy(file, inside(file), 0o755)?;
    }
    for file in OTHERS.map(Path::new) {
        if file.is_file() {
            tree.copy(file, inside(file), 0o644)?;
        }
    }
    for (name, content) in [
        ("etc/passwd", USERS),
        ("etc/group", GROUPS),
        ("etc/nsswitch.conf", NAMES),
    ] {
        tree.write(Path::new(name), content, 0o644)?;
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let place = Path::new("usr/share/doc/mortise").join(name);
        tree.copy(&release.workspace.root.join(name), &place, 0o644)?;
    }
    for name in ["dev", "proc", "sys"] {
        tree.folder(Path::new(name), 0o755)?;
    }
    tree.folder(Path::new("tmp"), 0o1777)?;
    let archive = tree.tar(&release.work.join(LAYER_FILE), release.time)?;
    // A new volume gets the owner of the folder that it is mounted on.
    let data = Tree::new(&release.work.join("layer-data"))?;
    data.folder(inside(Path::new(DATA)), 0o700)?;
    data.append("./data", USER, &archive, release.time)?;
    Ok(archive)
}

fn inside(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// The configuration of a container.
fn config(release: &Release<'_>, created: &str, unpacked: &str) -> Value {
    const SECOND: u64 = 1_000_000_000;
    json!({
        "created": created,
        "architecture": release.platform.debian,
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "ExposedPorts": { format!("{PORT}/tcp"): {} },
            "Env": [
                "PATH=/usr/bin".to_owned(),
                format!("MORTISE_LISTEN=0.0.0.0:{PORT}"),
                format!("MORTISE_DATA_DIR={DATA}"),
            ],
            "Entrypoint": ["/usr/bin/mortise"],
            "Cmd": ["serve"],
            "Volumes": { DATA: {} },
            "WorkingDir": DATA,
            "Labels": labels(),
            "StopSignal": "SIGTERM",
            // No part of OCI's format; Docker and Podman read it.
            "Healthcheck": {
                "Test": ["CMD", "/usr/bin/mortise", "health"],
                "Interval": 30 * SECOND,
                "Timeout": 15 * SECOND,
                "StartPeriod": 60 * SECOND,
                "Retries": 3,
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{unpacked}")] },
        "history": [{ "created": created, "created_by": "cargo xtask dist" }],
    })
}

fn labels() -> Value {
    json!({
        "org.opencontainers.image.title": "Mortise",
        "org.opencontainers.image.description":
            "A push-notification server that speaks Gotify's API and hosts sandboxed plugins.",
        "org.opencontainers.image.version": VERSION,
        "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
        "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
    })
}

/// The folder of an image in OCI's layout.
struct Layout {
    tree: Tree,
}

impl Layout {
    /// Adds a document and returns its description.
    fn json(&self, kind: &str, document: &Value, release: &Release<'_>) -> Result<Value> {
        let file = release.work.join("document.json");
        fs::write(&file, document.to_string())
            .with_context(|| format!("{} cannot be written", file.display()))?;
        self.blob(kind, &file)
    }

    /// Adds a file and returns its description.
    fn blob(&self, kind: &str, file: &Path) -> Result<Value> {
        let (digest, size) = (sha256(file)?, fs::metadata(file)?.len());
        let place = Path::new("blobs/sha256").join(&digest);
        self.tree.copy(file, &place, 0o644)?;
        Ok(json!({
            "mediaType": kind,
            "digest": format!("sha256:{digest}"),
            "size": size,
        }))
    }
}

/// The path of a described file in the layout.
fn blob_of(description: &Value) -> Result<String> {
    let digest = description.get("digest").and_then(Value::as_str);
    let digest = digest.context("a description has no digest")?;
    Ok(format!("blobs/{}", digest.replace(':', "/")))
}
