//! A known plugin that is not in memory. Its description is kept, and its code
//! is loaded when an instance is first needed.
//!
//! A loaded file must have the described digest and id.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, Weak},
    time::{Duration, Instant as Time},
};

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};

use super::loader_of;
use crate::{
    Backend, CallError, Capabilities, Digest, Instance, InstanceSetup, LoadError, Loader, Plugin,
    PluginDescription, Step,
    process::{Attachment, Process},
    types::Manifest,
};

/// The parts of a plugin in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Residence {
    /// Nothing but its description: the first instance loads it.
    OnDemand,
    /// It is being loaded for a waiting caller.
    Loading,
    /// Its code is.
    Loaded {
        /// The number of instances in use.
        instances: usize,
    },
    /// It could not be loaded when it was needed; that is tried again.
    Failed(LoadError),
}

/// A plugin that loads itself when it is first needed. Cheap to hold; its code
/// stays in memory while an instance is held.
#[derive(Clone)]
pub struct OnDemand {
    inner: Arc<Inner>,
}

struct Inner {
    described: PluginDescription,
    file: PathBuf,
    loaders: Arc<[Arc<dyn Loader>]>,
    /// The capabilities of its first instance, if the file does not show them.
    told: OnceLock<Capabilities>,
    /// Held while it is loaded.
    loading: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    plugin: Option<Arc<dyn Plugin>>,
    instances: Vec<Weak<dyn Instance>>,
    failure: Option<Failure>,
}

/// Loading it failed when it was needed.
struct Failure {
    report: LoadError,
    in_a_row: u32,
    retry: Time,
}

/// After a first failure to load; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl std::fmt::Debug for OnDemand {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OnDemand")
            .field("id", &self.inner.described.manifest.id)
            .field("version", &self.inner.described.manifest.version)
            .field("residence", &self.residence())
            .finish_non_exhaustive()
    }
}

impl OnDemand {
    /// A plugin that was described before, in this file. Reads nothing.
    pub fn new(
        described: PluginDescription,
        file: PathBuf,
        loaders: Arc<[Arc<dyn Loader>]>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                described,
                file,
                loaders,
                told: OnceLock::new(),
                loading: tokio::sync::Mutex::default(),
                memory: Mutex::default(),
            }),
        }
    }

    /// A plugin that was loaded just now, from this file: its first instance is
    /// made of what is in memory.
    pub fn loaded_from(
        plugin: Arc<dyn Plugin>,
        file: PathBuf,
        loaders: Arc<[Arc<dyn Loader>]>,
    ) -> Self {
        let known = Self::new(PluginDescription::of(&*plugin), file, loaders);
        known.inner.memory().plugin = Some(plugin);
        known
    }

    /// Returns the facts known so far.
    pub fn described(&self) -> PluginDescription {
        PluginDescription {
            capabilities: self.capabilities(),
            ..self.inner.described.clone()
        }
    }

    /// Returns the file from which it is loaded.
    pub fn file(&self) -> &Path {
        &self.inner.file
    }

    /// Returns the parts in memory.
    pub fn residence(&self) -> Residence {
        let memory = self.inner.memory();
        if memory.plugin.is_some() {
            let alive = memory.instances.iter().filter(|i| i.strong_count() > 0);
            return Residence::Loaded {
                instances: alive.count(),
            };
        }
        if self.inner.loading.try_lock().is_err() {
            return Residence::Loading;
        }
        match &memory.failure {
            Some(failure) => Residence::Failed(failure.report.clone()),
            None => Residence::OnDemand,
        }
    }

    /// The plugin that is in memory.
    fn in_memory(&self) -> Result<Arc<dyn Plugin>, CallError> {
        self.inner.memory().plugin.clone().ok_or_else(|| {
            CallError::Unavailable(
                "it is not in memory; enable it or open its page first".to_owned(),
            )
        })
    }

    /// Gives its memory back, unless an instance is held or being made. Whether
    /// there is nothing of it in memory now.
    pub fn release(&self) -> bool {
        let mut memory = self.inner.memory();
        memory
            .instances
            .retain(|instance| instance.strong_count() > 0);
        // Who makes an instance holds the plugin until the instance is in the
        // list.
        let unused = memory.instances.is_empty()
            && memory
                .plugin
                .as_ref()
                .is_none_or(|plugin| Arc::strong_count(plugin) == 1);
        let released = if unused { memory.plugin.take() } else { None };
        drop(memory);
        // Unmapping code need not keep others from looking.
        drop(released);
        unused
    }

    /// Loads it, if it is not in memory.
    ///
    /// # Errors
    ///
    /// The report of what failed, as [`CallError::Unavailable`], or
    /// [`CallError::BackingOff`] while it is not tried again.
    pub async fn loaded(&self) -> Result<Arc<dyn Plugin>, CallError> {
        if let Some(plugin) = &self.inner.memory().plugin {
            return Ok(Arc::clone(plugin));
        }
        // Goes on though its caller may give up: others wait for it too.
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.load().await })
            .await
            .unwrap_or_else(|error| {
                Err(CallError::Unavailable(format!(
                    "an internal error: {error}"
                )))
            })
    }
}

impl Inner {
    async fn load(&self) -> Result<Arc<dyn Plugin>, CallError> {
        let _turn = self.loading.lock().await;
        {
            let memory = self.memory();
            if let Some(plugin) = &memory.plugin {
                return Ok(Arc::clone(plugin));
            }
            if let Some(failure) = &memory.failure
                && failure.retry > Time::now()
            {
                return Err(CallError::BackingOff {
                    retry_in: failure.retry.saturating_duration_since(Time::now()),
                    last: failure.report.to_string(),
                });
            }
        }
        match self.load_checked().await {
            Ok(plugin) => {
                let mut memory = self.memory();
                memory.failure = None;
                memory.plugin = Some(Arc::clone(&plugin));
                Ok(plugin)
            }
            Err(report) => {
                let mut memory = self.memory();
                let in_a_row = memory.failure.as_ref().map_or(0, |f| f.in_a_row) + 1;
                let text = report.to_string();
                memory.failure = Some(Failure {
                    report,
                    in_a_row,
                    retry: Time::now()
                        + FIRST_PAUSE
                            .saturating_mul(1 << (in_a_row - 1).min(16))
                            .min(LONGEST_PAUSE),
                });
                Err(CallError::Unavailable(text))
            }
        }
    }

    async fn load_checked(&self) -> Result<Arc<dyn Plugin>, LoadError> {
        let loader = loader_of(&self.file, &self.loaders).await?;
        let plugin = loader.load_again(&self.file, &self.described).await?;
        let other = |expected: String, found: String| LoadError {
            file: self.file.clone(),
            step: Step::Copy,
            expected,
            found,
            fix: "copy the plugin into the plugins folder again".to_owned(),
        };
        if plugin.digest() != self.described.digest {
            return Err(other(
                format!("the file that was installed, {}", self.described.digest),
                plugin.digest().to_string(),
            ));
        }
        if plugin.manifest().id != self.described.manifest.id {
            return Err(other(
                format!("the id `{}`", self.described.manifest.id),
                format!("`{}`", plugin.manifest().id),
            ));
        }
        Ok(plugin)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change is one assignment: what a panic left is whole.
        self.memory.lock()
    }
}

#[async_trait]
impl Plugin for OnDemand {
    fn manifest(&self) -> &Manifest {
        &self.inner.described.manifest
    }

    fn module_path(&self) -> Option<&str> {
        self.inner.described.module_path.as_deref()
    }

    fn contract(&self) -> Option<&str> {
        self.inner.described.contract.as_deref()
    }

    fn backend(&self) -> Backend {
        self.inner.described.backend
    }

    fn digest(&self) -> Digest {
        self.inner.described.digest
    }

    fn capabilities(&self) -> Option<Capabilities> {
        let described = self.inner.described.capabilities;
        described.or_else(|| self.inner.told.get().copied())
    }

    async fn instance(&self, setup: InstanceSetup) -> Result<Arc<dyn Instance>, CallError> {
        let plugin = self.loaded().await?;
        let instance = plugin.instance(setup).await?;
        let _: Result<(), _> = self.inner.told.set(instance.capabilities());
        let mut memory = self.inner.memory();
        memory
            .instances
            .retain(|instance| instance.strong_count() > 0);
        memory.instances.push(Arc::downgrade(&instance));
        Ok(instance)
    }

    fn process(&self) -> Option<Process> {
        self.inner.memory().plugin.as_ref()?.process()
    }

    fn memory_bytes(&self) -> Option<u64> {
        let plugin = self.inner.memory().plugin.clone();
        plugin?.memory_bytes()
    }

    fn attach(&self) -> Result<Attachment, CallError> {
        self.in_memory()?.attach()
    }

    fn attach_lasting(&self) -> Result<Attachment, CallError> {
        self.in_memory()?.attach_lasting()
    }
}
