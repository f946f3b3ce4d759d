//! A backend whose plugins are the stress plugin, and a host in memory.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use mortise_native::{NativeBackend, NativePlugin, Settings};
use mortise_runtime::{
    Grants, Host, Instance, InstanceSetup, Limits, Log, Origin, Plugin as _, Rights,
    grants::{Applications, HostGrants},
    schedule::Timing,
    types::{
        Error, Message, Outgoing, Permission, StopReason, User, WebhookRequest, WebhookResponse,
    },
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use mortise_runtime::process::State;
pub(crate) use mortise_wait::until;

pub(crate) const LAUNCHER: &str = env!("CARGO_BIN_EXE_mortise-launch");
pub(crate) const PLUGIN: &str = env!("CARGO_BIN_EXE_mortise-stress-plugin");

/// A backend with folders of its own.
pub(crate) struct World {
    pub(crate) backend: NativeBackend,
    pub(crate) folder: tempfile::TempDir,
}

/// Settings that lose no time.
pub(crate) fn settings(folder: &Path) -> Settings {
    let mut settings = Settings {
        launcher: Some(LAUNCHER.into()),
        runtime_folder: Some(folder.join("run")),
        readable: vec![Path::new(PLUGIN).parent().unwrap().to_owned()],
        ..Settings::default()
    };
    settings.restart.first = Duration::from_millis(100);
    settings.restart.longest = Duration::from_millis(200);
    settings.restart.give_up_after = 4;
    settings.stop.ask = Duration::from_secs(1);
    settings.stop.term = Duration::from_millis(500);
    settings.patience.cancel_grace = Duration::from_millis(500);
    settings
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        change(&mut settings);
        Self {
            backend: NativeBackend::new(settings).unwrap(),
            folder,
        }
    }

    /// An executable file that behaves so.
    pub(crate) fn file(&self, behaviour: &str) -> PathBuf {
        let path = self.folder.path().join(behaviour.replace([':', '.'], "-"));
        script(&path, &format!("exec {PLUGIN} '{behaviour}'"));
        path
    }

    pub(crate) async fn plugin(&self, behaviour: &str) -> Arc<NativePlugin> {
        self.backend
            .load_native(&self.file(behaviour))
            .await
            .unwrap()
    }

    /// Returns the remains of processes: their folders.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let run = self.folder.path().join("run");
        run.read_dir()
            .unwrap()
            .flat_map(|backend| backend.unwrap().path().read_dir().unwrap())
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect()
    }
}

pub(crate) fn script(path: &Path, commands: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{commands}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Another plugin of the same backend, which is called again and again while
/// something else misbehaves.
pub(crate) struct Neighbour {
    plugin: Arc<NativePlugin>,
    calls: JoinHandle<(TestInstance, u32)>,
    over: CancellationToken,
}

impl Neighbour {
    pub(crate) async fn of(world: &World) -> Self {
        let file = world.folder.path().join("neighbour");
        script(&file, &format!("exec {PLUGIN} good"));
        let plugin = world.backend.load_native(&file).await.unwrap();
        let neighbour = made(&plugin, "neighbour").await;
        neighbour.instance.start().await.unwrap();
        let over = CancellationToken::new();
        let calls = tokio::spawn({
            let over = over.clone();
            async move {
                let mut answers = 0;
                let mut pace = tokio::time::interval(Duration::from_millis(20));
                while !over.is_cancelled() {
                    assert_eq!(neighbour.deed("echo", "").await.0, 200);
                    answers += 1;
                    pace.tick().await;
                }
                (neighbour, answers)
            }
        });
        Self {
            plugin,
            calls,
            over,
        }
    }

    /// Ends it, and waits until nothing is left of it. It must have answered every
    /// call, in the process it began with.
    pub(crate) async fn answered(self) {
        assert!(matches!(
            state(&self.plugin),
            State::Up { generation: 1, .. }
        ));
        self.over.cancel();
        let (neighbour, answers) = self.calls.await.unwrap();
        assert!(answers > 0);
        let stopped = neighbour.instance.stop(StopReason::ShuttingDown);
        stopped.await.unwrap();
    }
}

/// One user's instance, and what its host was asked.
pub(crate) struct TestInstance {
    pub(crate) instance: Arc<dyn Instance>,
    pub(crate) host: Arc<Memory>,
    pub(crate) log: Arc<Log>,
}

pub(crate) fn setup(name: &str, host: &Arc<Memory>, grants: Grants) -> InstanceSetup {
    let limits = Limits {
        call_ms: 5000,
        ..Limits::default()
    };
    InstanceSetup {
        user: User {
            id: 1,
            name: name.into(),
            admin: false,
        },
        host: host.clone(),
        grants,
        log: Arc::new(Log::new(limits.log_bytes)),
        denials: Arc::default(),
        limits,
        config: None,
        base_path: Some("/plugin/1/custom/t/".into()),
        trial: false,
    }
}

/// All that the contract asks for, and nothing of the machine.
pub(crate) fn talkative() -> Grants {
    Grants::of(&[
        Permission::SendMessages,
        Permission::ReadMessages(vec!["*".into()]),
        Permission::FilterMessages,
        Permission::Webhook,
        Permission::Timers,
    ])
    .unwrap()
}

/// The same, and something of the machine.
pub(crate) fn with(change: impl FnOnce(&mut HostGrants)) -> Grants {
    let mut grants = talkative();
    change(&mut grants.host);
    grants
}

pub(crate) async fn made(plugin: &NativePlugin, name: &str) -> TestInstance {
    made_with(plugin, name, talkative(), None).await
}

pub(crate) async fn made_with(
    plugin: &NativePlugin,
    name: &str,
    grants: Grants,
    config: Option<&str>,
) -> TestInstance {
    let host = Arc::<Memory>::default();
    let mut setup = setup(name, &host, grants);
    setup.config = config.map(str::to_owned);
    let log = setup.log.clone();
    TestInstance {
        instance: plugin.instance(setup).await.unwrap(),
        host,
        log,
    }
}

impl TestInstance {
    /// Changes the instance's grants and limits.
    pub(crate) async fn regrant(&self, change: impl FnOnce(&mut Rights)) {
        let mut rights = Rights::clone(&self.instance.guard().in_force());
        change(&mut rights);
        self.instance.regrant(rights).await;
    }

    /// Has the plugin do a deed; status and text of its answer.
    pub(crate) async fn deed(&self, deed: &str, argument: &str) -> (u16, String) {
        let WebhookResponse { status, body, .. } = self
            .instance
            .webhook(request(deed, argument))
            .await
            .unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}

pub(crate) fn request(path: &str, query: &str) -> WebhookRequest {
    WebhookRequest {
        method: "POST".into(),
        path: path.into(),
        query: Some(query.into()),
        headers: Vec::new(),
        body: b"body \xff".to_vec(),
        client: "192.0.2.1".into(),
        scheme: "https".into(),
        host: "push.example.org".into(),
        base_path: "/plugin/1/custom/t/".into(),
    }
}

pub(crate) fn state(plugin: &NativePlugin) -> State {
    plugin.process().unwrap().state
}

pub(crate) fn log(plugin: &NativePlugin) -> Arc<Log> {
    plugin.process().unwrap().log
}

/// The calls that the plugin printed.
pub(crate) fn printed(plugin: &NativePlugin) -> Vec<String> {
    log(plugin)
        .since(0)
        .into_iter()
        .filter_map(|entry| entry.text.strip_prefix("call ").map(str::to_owned))
        .collect()
}

/// A host in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) sent: Mutex<Vec<(Outgoing, bool)>>,
    values: Mutex<BTreeMap<String, Vec<u8>>>,
}

#[async_trait]
impl Host for Memory {
    async fn send(&self, message: Outgoing, origin: Origin) -> Result<u64, Error> {
        let mut sent = self.sent.lock().unwrap();
        sent.push((message, origin.is_filtered()));
        Ok(sent.len() as u64)
    }

    async fn message(&self, _: u64, _: &Applications) -> Result<Option<Message>, Error> {
        Ok(None)
    }

    async fn sent(&self, _: Option<u64>, _: u32) -> Result<Vec<Message>, Error> {
        Ok(Vec::new())
    }

    async fn received(
        &self,
        _: Option<u64>,
        _: u32,
        _: &Applications,
    ) -> Result<Vec<Message>, Error> {
        Ok(Vec::new())
    }

    async fn remove_message(&self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.values.lock().unwrap().get(key).cloned())
    }

    async fn store(&self, key: &str, value: Vec<u8>, _: u64) -> Result<(), Error> {
        self.values.lock().unwrap().insert(key.to_owned(), value);
        Ok(())
    }

    async fn unset(&self, key: &str) -> Result<(), Error> {
        self.values.lock().unwrap().remove(key);
        Ok(())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let values = self.values.lock().unwrap();
        let keys = values.keys().filter(|key| key.starts_with(prefix));
        Ok(keys.cloned().collect())
    }

    async fn set_timer(&self, _: &str, _: Timing, _: u32) -> Result<(), Error> {
        Ok(())
    }

    async fn cancel_timer(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }
}
