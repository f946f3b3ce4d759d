//! The Wasm backend against misbehaving components.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect has failed"
)]

mod budget;
mod cache;
mod calls;
mod loading;
mod standard;
mod strangers;

use std::{path::PathBuf, sync::Arc};

use mortise_fixtures::{
    components,
    host::{MemoryHost, setup},
};
use mortise_runtime::{
    Grants, Instance, Limits, Loader as _, Plugin,
    types::{Application, Content, Draft, Permission},
};
use mortise_wasm::{Profile, Settings, WasmBackend};

/// A folder with a backend that keeps no code.
struct Bench {
    folder: tempfile::TempDir,
    backend: WasmBackend,
}

impl Bench {
    fn new() -> Self {
        Self::with(None)
    }

    /// The same, with a profile of its calls.
    fn with(profile: Option<Arc<Profile>>) -> Self {
        let describe = Limits {
            call_ms: 300,
            ..Limits::default()
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            backend: WasmBackend::new(&Settings {
                describe,
                profile,
                ..Settings::default()
            })
            .unwrap(),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// A loaded fixture.
    async fn plugin(&self, world: &str, functions: &str) -> Arc<dyn Plugin> {
        let bytes = components::plugin("fixture", world, functions).unwrap();
        self.backend
            .load(&self.write("fixture.wasm", &bytes))
            .await
            .unwrap()
    }

    /// A started instance of a fixture with these grants.
    async fn started(
        &self,
        world: &str,
        functions: &str,
        grants: Grants,
        limits: Limits,
    ) -> Arc<dyn Instance> {
        let plugin = self.plugin(world, functions).await;
        let host = Arc::new(MemoryHost::default());
        let instance = plugin.instance(setup(&host, grants, limits)).await.unwrap();
        instance.start().await.unwrap();
        instance
    }

    /// A started instance of a fixture that is a filter.
    async fn filter(&self, limits: Limits, functions: &str) -> Arc<dyn Instance> {
        let world = "import mortise:plugin/log@0.2.0; export mortise:plugin/filter@0.2.0;";
        self.started(world, functions, filters(), limits).await
    }
}

/// What a filter needs.
fn filters() -> Grants {
    Grants::of(&[Permission::FilterMessages]).unwrap()
}

/// The texts of an instance's log.
fn log(instance: &dyn Instance) -> Vec<String> {
    let entries = instance.guard().log().since(0).into_iter();
    entries.map(|entry| entry.text).collect()
}

/// Signature of the core function behind `filter.filter`, to put a body after.
const FILTER: &str = r#"(func (export "mortise:plugin/filter@0.2.0#filter")
    (param i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)"#;

fn draft() -> Draft {
    Draft {
        application: Application {
            id: 3,
            name: "backup".to_owned(),
        },
        content: Content {
            title: "Backup".to_owned(),
            body: "done".to_owned(),
            priority: 5,
            extras: None,
        },
        received_ms: 1_700_000_000_000,
    }
}
