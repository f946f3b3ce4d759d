//! Embeds the page where it was built. Without the page the server still builds, and says at `/` how to get it.

use std::{
    env,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

/// Endings of the compressed forms beside a file.
const COMPRESSED: [&str; 2] = ["gz", "br"];
/// The page's document.
const DOCUMENT: &str = "index.html";
/// The beginning of an address in the document. The server writes its root in place of
/// the dot and the slash.
const RELATIVE: &str = "=\"./";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let dist = manifest.join("../web/dist");
    // A folder that is not there would be looked at in each build.
    if dist.is_dir() {
        println!("cargo:rerun-if-changed={}", dist.display());
    }
    let document = dist.join(DOCUMENT);
    let mut files = Vec::new();
    let mut source = String::from("pub(super) static DOCUMENT: Option<Document> = ");
    if document.is_file() {
        collect(&dist, &mut files)?;
        files.retain(|file| *file != document);
        files.sort();
        let text = fs::read_to_string(&document)?;
        let parts: Vec<_> = text
            .split_inclusive(RELATIVE)
            .map(|part| part.strip_suffix("./").unwrap_or(part))
            .collect();
        let tag = tag(text.as_bytes());
        writeln!(
            source,
            "Some(Document {{ tag: {tag:?}, parts: &{parts:?} }});"
        )?;
    } else {
        source.push_str("None;\n");
    }
    source.push_str("static FILES: &[File] = &[\n");
    for file in &files {
        let name = file.strip_prefix(&dist)?;
        let path = name
            .to_str()
            .ok_or("a file of the page has no UTF-8 name")?;
        writeln!(
            source,
            "File {{ path: {:?}, tag: {:?}, plain: include_bytes!({file:?}), gzip: {}, brotli: {} }},",
            format!("/{}", path.replace('\\', "/")),
            tag(&fs::read(file)?),
            compressed(file, "gz"),
            compressed(file, "br"),
        )?;
    }
    source.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("page.rs"), source)?;
    Ok(())
}

/// A hash of some content, in hexadecimal digits.
fn tag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The files in a folder, but hidden ones and compressed forms.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_compressed = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| COMPRESSED.contains(&extension));
        if path.is_dir() {
            collect(&path, files)?;
        } else if !is_hidden && !is_compressed {
            files.push(path);
        }
    }
    Ok(())
}

/// The expression that embeds a compressed form, if there is one.
fn compressed(file: &Path, ending: &str) -> String {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    let path = PathBuf::from(name);
    if path.is_file() {
        format!("Some(include_bytes!({path:?}))")
    } else {
        "None".to_owned()
    }
}
