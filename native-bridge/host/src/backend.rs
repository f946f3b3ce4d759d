//! The loader: from an executable file to a [`NativePlugin`].

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use async_trait::async_trait;
use bytes::Bytes;
use mortise_protocol::methods::Description;
use mortise_runtime::{
    CallError, Digest, LoadError, Loader, Plugin, PluginDescription, Staged, Step, manifest,
    registry::unreadable,
};

use crate::{
    folders::Folders,
    imports::Imports,
    lasting::Lasting,
    launch,
    plugin::NativePlugin,
    sandbox::Reach,
    settings::Settings,
    shared::Shared,
    supervisor::{FIRST_GENERATION, Supervisor, running::Running, start_error::StartError},
};

/// Loads executables. One per host is enough; clones share everything.
#[derive(Clone, Debug)]
pub struct NativeBackend {
    shared: Arc<Shared>,
}

/// The backend cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// There is nothing that could become a launcher.
    #[error(
        "this program cannot launch native plugins: call `mortise_native::launch::intercept` first thing in `main`, or set `Settings::launcher`"
    )]
    NoLauncher,
    /// The runtime folder cannot be used.
    #[error("the folder for plugins' sockets cannot be made in `{parent}`: {error}")]
    Folder {
        /// The parent folder.
        parent: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
}

impl NativeBackend {
    /// Sets up the backend; starts nothing.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        let launcher = match &settings.launcher {
            Some(launcher) => launcher.clone(),
            None if !launch::intercepts() => return Err(SetupError::NoLauncher),
            // Also there when the file was replaced meanwhile.
            None if cfg!(target_os = "linux") => PathBuf::from("/proc/self/exe"),
            None => std::env::current_exe().map_err(|_| SetupError::NoLauncher)?,
        };
        let parent = settings
            .runtime_folder
            .clone()
            .unwrap_or_else(std::env::temp_dir);
        let folders =
            Folders::new(parent).map_err(|(parent, error)| SetupError::Folder { parent, error })?;
        #[cfg(target_os = "linux")]
        let groups = match settings.sandbox {
            crate::sandbox::Mode::Off => Err("the sandbox is switched off".to_owned()),
            _ => crate::groups::Groups::find(),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                lasting: Arc::new(Lasting::new(settings.attached.clone())),
                settings,
                launcher,
                folders,
                protects: AtomicBool::new(false),
                #[cfg(target_os = "linux")]
                groups: groups.inspect_err(|reason| {
                    tracing::info!(
                        "memory and the number of processes are bounded for each process of a \
                         native plugin, not for all together: {reason}"
                    );
                }),
            }),
        })
    }

    /// As [`Loader::load`], with more to ask of the plugin.
    ///
    /// # Errors
    ///
    /// A report of the first step that failed.
    pub async fn load_native(&self, file: &Path) -> Result<Arc<NativePlugin>, LoadError> {
        let file = std::path::absolute(file).map_err(|error| unreadable(file, &error))?;
        let bytes = read(&file).await?;
        let digest = digest(&file, bytes.clone()).await?;
        self.describe(file, &bytes, digest).await
    }

    /// Starts the plugin's process and asks it for its manifest. The process goes
    /// on to serve: it is the plugin's first.
    async fn describe(
        &self,
        file: PathBuf,
        bytes: &[u8],
        digest: Digest,
    ) -> Result<Arc<NativePlugin>, LoadError> {
        check_executable(&file, bytes).await?;
        let imports = Arc::new(Imports::new(self.shared.settings.log_bytes));
        let started = Running::start(
            &self.shared,
            &file,
            Reach::default().or_default_memory(&self.shared.settings.process),
            Arc::clone(&imports),
            FIRST_GENERATION,
        );
        let running = started.await.map_err(|error| error.report(&file))?;
        let mut description = match running.describe(self.shared.settings.describe).await {
            Ok(description) => description,
            Err(error) => {
                let error = StartError::Describe(running.explain(error).await);
                running.kill().await;
                return Err(error.report(&file));
            }
        };
        let most = Description::MODULE_PATH_BYTES;
        description
            .module_path
            .take_if(|path| path.len() > most || path.contains(char::is_control));
        if let Err(flaw) = manifest::check(&description.manifest) {
            running.kill().await;
            return Err(LoadError {
                file,
                step: Step::Manifest,
                expected: flaw.expected,
                found: flaw.found,
                fix: flaw.fix,
            });
        }
        let shared = Arc::clone(&self.shared);
        let id = description.manifest.id.clone();
        let contract = Some(running.contract().to_owned());
        let supervisor = Supervisor::adopting(shared, file, id, imports, running).await;
        let plugin = NativePlugin::new(supervisor, description, contract, digest);
        Ok(Arc::new(plugin))
    }
}

#[async_trait]
impl Loader for NativeBackend {
    fn recognizes(&self, _file: &Path, head: &[u8]) -> bool {
        is_executable_format(head)
    }

    async fn load(&self, file: &Path) -> Result<Arc<dyn Plugin>, LoadError> {
        let plugin: Arc<dyn Plugin> = self.load_native(file).await?;
        Ok(plugin)
    }

    async fn load_staged(&self, staged: &Staged) -> Result<Arc<dyn Plugin>, LoadError> {
        let file = &staged.file;
        let file = std::path::absolute(file).map_err(|error| unreadable(file, &error))?;
        let plugin: Arc<dyn Plugin> = self.describe(file, &staged.bytes, staged.digest).await?;
        Ok(plugin)
    }

    /// Starts no process for known facts: the process of the first instance
    /// must have this id.
    async fn load_again(
        &self,
        file: &Path,
        described: &PluginDescription,
    ) -> Result<Arc<dyn Plugin>, LoadError> {
        let file = std::path::absolute(file).map_err(|error| unreadable(file, &error))?;
        let bytes = read(&file).await?;
        check_executable(&file, &bytes).await?;
        let digest = digest(&file, bytes).await?;
        let description = Description {
            manifest: described.manifest.clone(),
            module_path: described.module_path.clone(),
        };
        let id = description.manifest.id.clone();
        let supervisor = Supervisor::new(Arc::clone(&self.shared), file, id);
        let contract = described.contract.clone();
        let plugin = NativePlugin::new(supervisor, description, contract, digest);
        Ok(Arc::new(plugin))
    }

    fn detach(&self, id: &str) -> Result<bool, CallError> {
        self.shared.lasting.end(id)
    }
}

const ELF: &[u8] = b"\x7fELF";

/// ELF, Mach-O of either order and width or for several machines, PE, or a
/// script with its interpreter.
fn is_executable_format(head: &[u8]) -> bool {
    const FORMATS: [&[u8]; 7] = [
        ELF,
        b"#!",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
    ];
    FORMATS.iter().any(|format| head.starts_with(format))
        || (cfg!(windows) && head.starts_with(b"MZ"))
}

async fn read(file: &Path) -> Result<Bytes, LoadError> {
    let bytes = tokio::fs::read(file).await;
    Ok(bytes.map_err(|error| unreadable(file, &error))?.into())
}

async fn digest(file: &Path, bytes: Bytes) -> Result<Digest, LoadError> {
    tokio::task::spawn_blocking(move || Digest::of(&bytes))
        .await
        .map_err(|error| unreadable(file, &std::io::Error::other(error)))
}

/// Sees that a file with this content can be executed.
async fn check_executable(file: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    let wrong = |expected: &str, found: &str, fix: &str| {
        Err(LoadError {
            file: file.to_owned(),
            step: Step::Decode,
            expected: expected.to_owned(),
            found: found.to_owned(),
            fix: fix.to_owned(),
        })
    };
    if bytes.starts_with(ELF) && file.extension().is_some_and(|end| end == "so") {
        return wrong(
            "an executable",
            "a shared library, as `go build -buildmode=plugin` makes for Gotify",
            "change the plugin's `main` to one line and build it with plain `go build`: see \
             docs/porting-a-gotify-plugin.md",
        );
    }
    if bytes.starts_with(ELF)
        && let Err(found) = elf(bytes)
    {
        return wrong(
            &format!("an executable for {}", std::env::consts::ARCH),
            &found,
            "build it for this machine, or copy it again if it should be for it",
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = tokio::fs::metadata(file)
            .await
            .map_err(|error| unreadable(file, &error))?;
        if metadata.permissions().mode() & 0o111 == 0 {
            return wrong(
                "a file that may be executed",
                "one whose permissions do not allow it",
                "if it is a plugin, allow it with `chmod +x`; otherwise move it out of the \
                 plugins folder",
            );
        }
    }
    Ok(())
}

/// Sees that an ELF file is an executable for this machine, which the system
/// would only call a wrong format.
fn elf(bytes: &[u8]) -> Result<(), String> {
    const MACHINES: [(u16, &str); 7] = [
        (3, "x86"),
        (21, "powerpc64"),
        (22, "s390x"),
        (40, "arm"),
        (62, "x86_64"),
        (183, "aarch64"),
        (243, "riscv64"),
    ];
    let half = |at: usize| {
        let field = bytes.get(at..at + 2)?.first_chunk::<2>()?;
        // The sixth byte says which order.
        Some(match bytes.get(5)? {
            2 => u16::from_be_bytes(*field),
            _ => u16::from_le_bytes(*field),
        })
    };
    match (half(16), half(18)) {
        (Some(2 | 3), Some(machine)) if bytes.len() > 52 => {
            match MACHINES.iter().find(|(number, _)| *number == machine) {
                Some((_, name)) if *name != std::env::consts::ARCH => {
                    Err(format!("an executable for {name}"))
                }
                _ => Ok(()),
            }
        }
        (Some(1), _) => Err("an object file, not linked".to_owned()),
        _ => Err("an ELF file that is cut short or damaged".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{NativeBackend, SetupError, is_executable_format};
    use crate::settings::Settings;

    #[test]
    fn knows_executables_by_their_beginning() {
        for (head, expected) in [
            (&b"\x7fELF\x02\x01\x01\0"[..], true),
            (b"#!/usr/bin/env python3", true),
            (b"\xcf\xfa\xed\xfe\x07\0\0\x01", true),
            (b"\0asm\x0d\0\x01\0", false),
            (b"# A readme", false),
            (b"", false),
        ] {
            assert_eq!(is_executable_format(head), expected, "{head:?}");
        }
    }

    #[test]
    fn an_embedder_that_forgot_the_launcher_is_told() {
        // This test's program does not call `intercept`.
        let error = NativeBackend::new(Settings::default()).unwrap_err();
        assert!(matches!(error, SetupError::NoLauncher), "{error}");
    }
}
