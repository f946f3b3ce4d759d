//! Opening files in granted directories: within the limit `open-files`, and
//! never a pipe, a socket or a device, which could block a thread of the host
//! for ever.

use std::{fs, io, sync::Arc};

use cap_primitives::fs::{FollowSymlinks, OpenOptions, OpenOptionsExt as _};
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::{
    OpenMode,
    filesystem::{Descriptor, Dir, File, WasiFilesystemView as _},
    p2::{
        FsError, FsResult,
        bindings::filesystem::types::{
            DescriptorFlags, ErrorCode, HostDescriptor as _, NewTimestamp, OpenFlags, PathFlags,
        },
    },
};

use super::store::State;
use mortise_runtime::{contract::types::Level, limits::Limit, log::Source};

/// Puts these functions in the place of those that open files.
pub(super) fn replace(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store, (directory, path_flags, path, open_flags, flags)| {
            Box::new(async move {
                let state: &mut State = store.data_mut();
                let opened = open_at(state, directory, path_flags, path, open_flags, flags).await;
                answer(opened)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.set-times-at",
        |mut store, (directory, path_flags, path, accessed, modified)| {
            Box::new(async move {
                let state: &mut State = store.data_mut();
                let set = set_times_at(state, directory, path_flags, path, accessed, modified);
                answer(set.await)
            })
        },
    )
}

/// The form in which a guest is given an answer.
fn answer<T>(answer: FsResult<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    match answer {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// `wasi:filesystem/types.[method]descriptor.open-at`.
async fn open_at(
    store: &mut State,
    directory: Resource<Descriptor>,
    path_flags: PathFlags,
    path: String,
    open_flags: OpenFlags,
    flags: DescriptorFlags,
) -> FsResult<Resource<Descriptor>> {
    let Descriptor::Dir(directory) = store.filesystem().table.get(&directory)? else {
        return Err(ErrorCode::NotDirectory.into());
    };
    let wanted = Wanted::new(directory, path_flags, open_flags, flags)?;
    let directory = directory.clone();
    if !store.may_open_file() {
        let what = "too many open files at a time";
        store.guard.exhaust(Limit::OpenFiles, what);
        return Err(ErrorCode::Quota.into());
    }
    let (base, name) = (Arc::clone(&directory.dir), path.clone());
    let options = wanted.options;
    let opened = tokio::task::spawn_blocking(move || open(&base, &name, &options))
        .await
        .map_err(|error| FsError::trap(wasmtime::format_err!("{error}")))??;
    let descriptor = match opened {
        Opened::Other => {
            store.refuse_special(&path);
            return Err(ErrorCode::NotPermitted.into());
        }
        Opened::File(_) if wanted.directory => return Err(ErrorCode::NotDirectory.into()),
        Opened::File(file) => {
            let file = File::new(file, directory.perms, wanted.mode, false);
            store.opened_file(&file.file);
            Descriptor::File(file)
        }
        Opened::Directory(opened) => {
            let opened = Dir::new(opened, directory.perms, wanted.mode, false);
            store.opened_file(&opened.dir);
            Descriptor::Dir(opened)
        }
    };
    Ok(store.filesystem().table.push(descriptor)?)
}

/// `wasi:filesystem/types.[method]descriptor.set-times-at`, which opens the file
/// on some systems.
async fn set_times_at(
    store: &mut State,
    directory: Resource<Descriptor>,
    path_flags: PathFlags,
    path: String,
    accessed: NewTimestamp,
    modified: NewTimestamp,
) -> FsResult<()> {
    let Descriptor::Dir(base) = store.filesystem().table.get(&directory)? else {
        return Err(ErrorCode::NotDirectory.into());
    };
    let (base, name) = (Arc::clone(&base.dir), path.clone());
    let follow = follow(path_flags);
    let special = tokio::task::spawn_blocking(move || is_special(&base, &name, follow))
        .await
        .map_err(|error| FsError::trap(wasmtime::format_err!("{error}")))?;
    if special {
        store.refuse_special(&path);
        return Err(ErrorCode::NotPermitted.into());
    }
    let mut files = store.filesystem();
    files
        .set_times_at(directory, path_flags, path, accessed, modified)
        .await
}

impl State {
    fn refuse_special(&self, path: &str) {
        let text = format!(
            "{path} was not opened: it is a pipe, a socket or a device, and components open only \
             files and directories"
        );
        self.guard.log().write(Level::Warn, Source::Host, &text);
    }
}

/// A request to open a file, after the checks that need no look at it.
struct Wanted {
    options: OpenOptions,
    mode: OpenMode,
    /// Whether it has to be a directory.
    directory: bool,
}

impl Wanted {
    fn new(
        base: &Dir,
        path_flags: PathFlags,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Self, ErrorCode> {
        let sync = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        if flags.intersects(sync) {
            return Err(ErrorCode::Unsupported);
        }
        let directory = open_flags.contains(OpenFlags::DIRECTORY);
        let changes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
        if directory && open_flags.intersects(changes) {
            return Err(ErrorCode::Invalid);
        }
        let create = open_flags.contains(OpenFlags::CREATE);
        let truncate = open_flags.contains(OpenFlags::TRUNCATE);
        let write = create || truncate || flags.contains(DescriptorFlags::WRITE);
        // What is not opened for writing is opened for reading, as the system
        // wants one of the two; the mode keeps the guest from using it.
        let read = flags.contains(DescriptorFlags::READ) || !flags.contains(DescriptorFlags::WRITE);
        if write && base.perms.write_not_permitted() {
            return Err(ErrorCode::NotPermitted);
        }
        let mut options = OpenOptions::new();
        options.read(read).write(write).truncate(truncate);
        if open_flags.contains(OpenFlags::EXCLUSIVE) {
            options.create_new(create);
        } else {
            options.create(create);
        }
        options
            ._cap_fs_ext_follow(follow(path_flags))
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        let mut mode = OpenMode::empty();
        mode.set(OpenMode::READ, read);
        mode.set(OpenMode::WRITE, write);
        Ok(Self {
            options,
            mode,
            directory,
        })
    }
}

fn follow(flags: PathFlags) -> FollowSymlinks {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) {
        FollowSymlinks::Yes
    } else {
        FollowSymlinks::No
    }
}

enum Opened {
    File(fs::File),
    Directory(fs::File),
    Other,
}

fn open(base: &fs::File, path: &str, options: &OpenOptions) -> io::Result<Opened> {
    // Before opening, because opening some devices already has an effect.
    if is_special(base, path, FollowSymlinks::Yes) {
        return Ok(Opened::Other);
    }
    let file = cap_primitives::fs::open(base, path.as_ref(), options)?;
    let kind = file.metadata()?.file_type();
    Ok(if kind.is_dir() {
        Opened::Directory(file)
    } else if kind.is_file() {
        Opened::File(file)
    } else {
        Opened::Other
    })
}

/// Whether there is something that is no file, directory or link.
fn is_special(base: &fs::File, path: &str, follow: FollowSymlinks) -> bool {
    cap_primitives::fs::stat(base, path.as_ref(), follow).is_ok_and(|metadata| {
        let kind = metadata.file_type();
        !(kind.is_file() || kind.is_dir() || kind.is_symlink())
    })
}
