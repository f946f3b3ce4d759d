//! The files that the build script put into this crate: `templates/`, `sdk/`,
//! `crates/`, `wit/` and `wasi/`.

/// A file that was there when this crate was built.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path, with `/` between names.
    pub(crate) path: &'static str,
    /// Its content.
    pub(crate) bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The files below a folder, each with its path inside of it.
pub(crate) fn below(
    files: &'static [File],
    folder: &str,
) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    files.iter().filter_map(move |file| {
        let within = file.path.strip_prefix(folder)?.strip_prefix('/')?;
        Some((within, file.bytes))
    })
}
