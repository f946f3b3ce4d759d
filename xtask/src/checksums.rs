//! Checksums of packages, in the form of `sha256sum`.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// The file with the checksums of all others.
pub(crate) const CHECKSUMS: &str = "SHA256SUMS";

/// The line of a file, which is listed under a name.
pub(crate) fn line(file: &Path, name: &str) -> Result<String> {
    Ok(format!("{}  {name}\n", sha256(file)?))
}

/// The SHA-256 of a file, in hexadecimal digits.
pub(crate) fn sha256(file: &Path) -> Result<String> {
    let mut content =
        fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut content, &mut hasher)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(hex::encode(hasher.finalize()))
}
