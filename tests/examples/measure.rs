//! The times of a plugin: to load, to load again with its code in the cache,
//! and to answer a call. `cargo xtask languages` runs this with the conformance
//! plugins, built for release. The times depend on the machine and are the best
//! of several; no test depends on them.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use mortise_native::NativeBackend;
use mortise_runtime::{
    Backend, Grants, Limits, Loader, Plugin,
    registry::loader_of,
    types::{Application, Content, Draft, Permission, StopReason, Verdict},
};
use mortise_tests::host::{MemoryHost, setup};
use mortise_wasm::{Settings, WasmBackend};

/// The number of loads with its code in the cache.
const LOADS: u32 = 5;
/// The time of calling it.
const CALLING: Duration = Duration::from_secs(1);
/// Calls that are timed together.
const TOGETHER: u32 = 50;
/// Far longer than a call takes.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(serde::Serialize)]
struct Measured {
    bytes: u64,
    cold_ms: f64,
    /// Of components: nothing of a process is kept.
    cached_ms: Option<f64>,
    call_us: f64,
}

fn main() -> Result<()> {
    // This program is the launcher of native plugins, too.
    mortise_native::launch::intercept();
    let file = std::env::args().nth(1).context("which plugin?")?;
    let measured = tokio::runtime::Runtime::new()?.block_on(measure(Path::new(&file)))?;
    let line = serde_json::to_string(&measured)?;
    #[expect(clippy::print_stdout, reason = "it is what this program is for")]
    {
        println!("{line}");
    }
    Ok(())
}

async fn measure(file: &Path) -> Result<Measured> {
    let cache = tempfile::tempdir()?;
    let bytes = file.metadata()?.len();
    let begin = Instant::now();
    let plugin = load(file, cache.path()).await?;
    let cold_ms = ms(begin.elapsed());
    let mut cached_ms = None;
    if plugin.backend() == Backend::Wasm {
        let mut best = f64::INFINITY;
        for _ in 0..LOADS {
            let loaders = loaders(cache.path())?;
            let begin = Instant::now();
            loader_of(file, &loaders).await?.load(file).await?;
            best = best.min(ms(begin.elapsed()));
        }
        cached_ms = Some(best);
    }
    let call_us = call(&*plugin).await?;
    Ok(Measured {
        bytes,
        cold_ms,
        cached_ms,
        call_us,
    })
}

fn loaders(cache: &Path) -> Result<[Arc<dyn Loader>; 2]> {
    let wasm = Settings {
        cache: Some(cache.to_owned()),
        ..Settings::default()
    };
    Ok([
        Arc::new(WasmBackend::new(&wasm)?),
        Arc::new(NativeBackend::new(mortise_native::Settings::default())?),
    ])
}

async fn load(file: &Path, cache: &Path) -> Result<Arc<dyn Plugin>> {
    let loaders = loaders(cache)?;
    let loader = loader_of(file, &loaders).await?;
    Ok(loader.load(file).await?)
}

/// The time of one filter call on an instance that has answered before, message
/// in and verdict out.
async fn call(plugin: &dyn Plugin) -> Result<f64> {
    let grants = Grants::of(&[Permission::FilterMessages])?;
    let host = Arc::new(MemoryHost::default());
    let instance = plugin
        .instance(setup(&host, grants, Limits::default()))
        .await?;
    instance.start().await?;
    let draft = Draft {
        application: Application {
            id: 3,
            name: "backup".to_owned(),
        },
        content: Content {
            title: "keep".to_owned(),
            body: "x".repeat(200),
            priority: 5,
            extras: None,
        },
        received_ms: 0,
    };
    let mut best = f64::INFINITY;
    let until = Instant::now() + CALLING;
    while Instant::now() < until {
        let begin = Instant::now();
        for _ in 0..TOGETHER {
            let verdict = instance.filter(&draft, DEADLINE).await?;
            ensure!(verdict == Verdict::Keep, "it answered {verdict:?}");
        }
        best = best.min(begin.elapsed().as_secs_f64() * 1e6 / f64::from(TOGETHER));
    }
    instance.stop(StopReason::Idle).await?;
    Ok(best)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
