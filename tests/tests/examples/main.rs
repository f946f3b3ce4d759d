//! The example plugins and the fixtures as components under the Wasm backend,
//! end to end except for the server: their exports, and their work with a host
//! in memory, mostly as cases beside the examples.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[cfg(unix)]
mod any_language;
mod author;
mod c;
mod cases;
#[cfg(unix)]
mod catalogue;
mod first;
mod go;
mod grants;
mod habits;
mod handler;
mod limits;
mod plugins;
mod promises;
mod receiver;
mod scripts;
mod tables;
mod traps;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use mortise_runtime::{
    Grants, Instance, Limits, Loader as _, Rights,
    types::{Application, Content, Draft, Verdict},
};
use mortise_tests::{
    guests,
    host::{MemoryHost, setup},
};
use mortise_wasm::{Settings, WasmBackend};

/// One for all tests, with compiled code kept among them: the first to load a
/// guest compiles it.
fn backend() -> &'static WasmBackend {
    static BACKEND: OnceLock<(tempfile::TempDir, WasmBackend)> = OnceLock::new();
    let (_, backend) = BACKEND.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let backend = WasmBackend::new(&Settings {
            cache: Some(folder.path().join("cache")),
            ..Settings::default()
        })
        .unwrap();
        (folder, backend)
    });
    backend
}

/// One instance of a guest, with its host.
struct Running {
    host: Arc<MemoryHost>,
    instance: Arc<dyn Instance>,
    log: Arc<mortise_runtime::Log>,
    file: PathBuf,
}

impl Running {
    /// With all that its manifest asks for, and a configuration.
    async fn new(package: &str, config: &str) -> Self {
        Self::with(package, config, |_| {}).await
    }

    /// Creates it with the rights after `change`.
    async fn with(package: &str, config: &str, change: impl FnOnce(&mut Grants)) -> Self {
        Self::of(&guests::example(package), config, change).await
    }

    /// The same of a plugin in any file.
    async fn of(file: &Path, config: &str, change: impl FnOnce(&mut Grants)) -> Self {
        let plugin = backend().load(file).await.unwrap();
        let mut grants = Grants::as_asked(plugin.manifest()).unwrap();
        change(&mut grants);
        let host = Arc::new(MemoryHost::default());
        let mut setup = setup(&host, grants, Limits::default());
        setup.config = Some(config.to_owned());
        let log = setup.log.clone();
        let instance = plugin.instance(setup).await.unwrap();
        Self {
            host,
            instance,
            log,
            file: file.to_owned(),
        }
    }

    async fn started(package: &str, config: &str) -> Self {
        let running = Self::new(package, config).await;
        running.instance.start().await.unwrap();
        running
    }

    /// Changes its grants and limits while it runs.
    async fn regrant(&self, change: impl FnOnce(&mut Rights)) {
        let mut rights = Rights::clone(&self.instance.guard().in_force());
        change(&mut rights);
        self.instance.regrant(rights).await;
    }

    /// Everything in its log, a line each.
    fn logged(&self) -> String {
        let entries = self.log.since(0);
        entries
            .iter()
            .map(|entry| format!("{}\n", entry.text))
            .collect()
    }
}

/// Has the fixture `everything` do a command; the answer, or the error as text.
async fn tell(running: &Running, command: &str) -> Result<String, String> {
    match running.instance.filter(&draft(command, "b"), SOON).await {
        Ok(Verdict::Replace(content)) => Ok(content.body),
        Ok(verdict) => panic!("{command}: {verdict:?}"),
        Err(error) => Err(error.to_string()),
    }
}

const SOON: Duration = Duration::from_secs(10);

fn application() -> Application {
    Application {
        id: 9,
        name: "backup".to_owned(),
    }
}

fn content(title: &str, body: &str) -> Content {
    Content {
        title: title.to_owned(),
        body: body.to_owned(),
        priority: 5,
        extras: None,
    }
}

fn draft(title: &str, body: &str) -> Draft {
    Draft {
        application: application(),
        content: content(title, body),
        received_ms: 1_795_334_400_000,
    }
}
