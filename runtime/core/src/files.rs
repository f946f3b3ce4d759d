//! Reading files that others could have put in place, without ever waiting; and
//! folders that others cannot enter.
//!
//! A named pipe, a socket or a device under the name of a file would block
//! whoever opens or reads it, or never end. [`open`] returns regular files and
//! nothing else; [`read`] also bounds their size.

use std::{
    fs::{DirBuilder, File, FileType, Metadata, OpenOptions},
    io::{self, Read as _},
    path::Path,
};

/// A path that names something other than a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, not a regular file")]
pub struct NotRegular {
    /// The kind of thing it is, as a phrase.
    pub kind: &'static str,
}

/// A file that is larger than its reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has more than {most} bytes")]
pub struct TooLarge {
    /// The largest size accepted, in bytes.
    pub most: u64,
}

/// Makes a folder that only this user can enter, and its parents, if it is not there.
///
/// # Errors
///
/// The system's error.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a regular file, or a link to one, for reading. Never blocks on the
/// kind of the file.
///
/// # Errors
///
/// The system's error; one around [`NotRegular`] for a directory, a named pipe,
/// a socket or a device.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // Before opening, because opening some devices already has an effect.
    require_regular(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NONBLOCK | libc::O_NOCTTY,
    );
    let file = options.open(path)?;
    // Another file may have taken the name in between.
    let metadata = file.metadata()?;
    require_regular(&metadata)?;
    Ok((file, metadata))
}

/// Reads a whole regular file of at most `most` bytes.
///
/// # Errors
///
/// As [`open`]; one around [`TooLarge`] for a larger file, of which no more than
/// the bound is read.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, metadata) = open(path)?;
    read_opened(file, &metadata, most)
}

/// Reads a whole text file of at most `most` bytes; `None` if it is not there.
///
/// # Errors
///
/// As [`read`], and for a file that is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<Option<String>> {
    match read(path, most) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the rest of a file that [`open`] returned.
///
/// # Errors
///
/// As [`read`].
pub fn read_opened(file: File, metadata: &Metadata, most: u64) -> io::Result<Vec<u8>> {
    if metadata.len() > most {
        return Err(io::Error::other(TooLarge { most }));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // It may grow meanwhile.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(TooLarge { most }));
    }
    Ok(bytes)
}

/// The reason why a path is no regular file, if that is what the error says.
pub fn not_regular(error: &io::Error) -> Option<NotRegular> {
    error.get_ref()?.downcast_ref().copied()
}

fn require_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = kind(metadata.file_type());
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        NotRegular { kind },
    ))
}

fn kind(of: FileType) -> &'static str {
    if of.is_dir() {
        return "a directory";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if of.is_fifo() {
            return "a pipe";
        }
        if of.is_socket() {
            return "a socket";
        }
        if of.is_char_device() || of.is_block_device() {
            return "a device";
        }
    }
    "something else"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{TooLarge, not_regular, open, read};

    fn kind(path: &Path) -> &'static str {
        not_regular(&open(path).unwrap_err()).unwrap().kind
    }

    #[test]
    fn reads_a_file_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        let error = read(&file, 4).unwrap_err();
        let too_large = error.get_ref().unwrap().downcast_ref::<TooLarge>();
        assert_eq!(too_large, Some(&TooLarge { most: 4 }));
        let absent = open(&folder.path().join("absent")).unwrap_err();
        assert_eq!(absent.kind(), std::io::ErrorKind::NotFound);
    }

    #[test]
    fn names_the_kind_of_what_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kind(folder.path()), "a directory");
        #[cfg(unix)]
        {
            let at = |name| folder.path().join(name);
            let made = std::process::Command::new("mkfifo")
                .arg(at("pipe"))
                .status();
            assert!(made.unwrap().success());
            std::os::unix::fs::symlink("pipe", at("link")).unwrap();
            let _listening = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
            assert_eq!(kind(&at("pipe")), "a pipe");
            assert_eq!(kind(&at("link")), "a pipe");
            assert_eq!(kind(&at("socket")), "a socket");
            assert_eq!(kind(Path::new("/dev/zero")), "a device");
        }
    }
}
