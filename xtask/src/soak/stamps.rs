//! The plugins of the soak: filters that add their version to every title, made
//! from one component, and from one program in Python.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail};

use crate::{python, wasm, workspace::Workspace};

/// The program's source; the component's is in `tests/guests/stamp`.
const NATIVE: &str = include_str!("../../../tests/natives/stamp.py");
/// The id of the native one.
pub(super) const NATIVE_ID: &str = "io.mortise.soak.native";
/// The text to replace in the component, which has it once.
const ID: &str = "io.mortise.soak.n0000";
const VERSION: &str = "1.0.1000";
const LEFT: &str = "without stamp: none";
const PLANTED: &str = "with effects: none";
const RECEIVER: &str = "127.0.0.1:00009";

/// The least number of a version and the greatest.
pub(super) const VERSIONS: [u32; 2] = [1000, 9999];

/// The versions that every plugin is built in.
pub(super) const LOWEST: [u32; 2] = [VERSIONS[0], VERSIONS[0] + 1];

/// A version by its number.
pub(super) fn version(number: u32) -> String {
    format!("1.0.{number}")
}

/// The id of the component of this number.
pub(super) fn id(number: u32) -> String {
    format!("io.mortise.soak.n{number:04}")
}

/// The templates of plugins.
pub(super) struct Stamps {
    component: Vec<u8>,
    natives: BTreeMap<u32, Vec<u8>>,
}

impl Stamps {
    /// Builds the component, and the program in two versions.
    pub(super) fn build(workspace: &Workspace, mortise: &Path) -> Result<Self> {
        let folder = workspace.root.join("tests/guests/stamp");
        let file = wasm::build(workspace, mortise, &folder)?;
        let component =
            fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let mut natives = BTreeMap::new();
        for number in LOWEST {
            let source = NATIVE
                .replace("@ID@", NATIVE_ID)
                .replace("@VERSION@", &version(number));
            let file = python::build(workspace, &format!("stamp-{number}"), &source)?;
            let program =
                fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            natives.insert(number, program);
        }
        Ok(Self { component, natives })
    }

    /// The component of this number in a version.
    pub(super) fn component(&self, number: u32, version_number: u32) -> Result<Vec<u8>> {
        let mut bytes = self.component.clone();
        write_over(&mut bytes, ID, &id(number))?;
        write_over(&mut bytes, VERSION, &version(version_number))?;
        Ok(bytes)
    }

    /// The component that treats two kinds of titles otherwise: those with the first ending
    /// get no stamp, and those with the second have it send a message, change its storage,
    /// and send a request to this port. An ending has up to four characters.
    pub(super) fn other(
        &self,
        number: u32,
        version: u32,
        endings: [&str; 2],
        port: u16,
    ) -> Result<Vec<u8>> {
        let [left, planted] = endings;
        let mut bytes = self.component(number, version)?;
        write_over(&mut bytes, LEFT, &format!("without stamp: {left:>4}"))?;
        write_over(&mut bytes, PLANTED, &format!("with effects: {planted:>4}"))?;
        write_over(&mut bytes, RECEIVER, &format!("127.0.0.1:{port:05}"))?;
        Ok(bytes)
    }

    /// The program in one of the two lowest versions.
    pub(super) fn native(&self, version_number: u32) -> Result<Vec<u8>> {
        let program = self.natives.get(&version_number);
        program.cloned().context("no such version was built")
    }
}

/// Writes a text over another of the same length, which is there once.
fn write_over(bytes: &mut [u8], old: &str, new: &str) -> Result<()> {
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let mut places = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| *window == old)
        .map(|(at, _)| at);
    let (Some(at), None) = (places.next(), places.next()) else {
        bail!(
            "the component does not have `{}` once: see tests/guests/stamp",
            String::from_utf8_lossy(old)
        );
    };
    let place = bytes.get_mut(at..at + new.len());
    place
        .filter(|place| place.len() == old.len())
        .context("the new text has another length")?
        .copy_from_slice(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::write_over;

    #[test]
    fn only_what_is_there_once_is_written_over() {
        let mut bytes = *b"a one b two c two";
        write_over(&mut bytes, "one", "new").unwrap();
        assert_eq!(&bytes, b"a new b two c two");
        assert!(write_over(&mut bytes, "two", "new").is_err());
        assert!(write_over(&mut bytes, "one", "new").is_err());
        assert!(write_over(&mut bytes, "new", "longer").is_err());
    }
}
