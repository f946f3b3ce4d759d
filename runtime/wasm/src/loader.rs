//! From file to plugin, step by step; each failure is a report.

use std::{
    fs::{File, Metadata},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use tokio::task::JoinError;
use wasmtime::component::Component;

use super::{
    embedded::{self, Embedded},
    engine::Shared,
    exports::Indices,
    instance::WasmInstance,
    linked::Linked,
    misfit::{self, Report},
    standard,
};
use mortise_runtime::{
    CallError, Capabilities, Capability, Digest, Grants, Host, LoadError, Log, Origin,
    PluginDescription, Staged, Step,
    contract::schedule::Timing,
    contract::types::{Error, Manifest, Message, Outgoing, User},
    files,
    grants::Applications,
    manifest::{self, Flaw},
    plugin::{Backend, Instance, InstanceSetup, Plugin},
    registry::unreadable,
};

/// The content of a component's file, for a person or a program.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
    /// Its description and the permissions that it asks for.
    pub manifest: Manifest,
    /// The version of the contract that it was built for; none if it does not export its
    /// manifest.
    pub contract: Option<&'static str>,
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// The interfaces it imports, with versions.
    pub imports: Vec<String>,
    /// The interfaces it exports, with versions.
    pub exports: Vec<String>,
}

/// A loaded component.
#[derive(Debug)]
struct WasmPlugin {
    linked: Arc<Linked>,
    manifest: Manifest,
    digest: Digest,
}

#[async_trait]
impl Plugin for WasmPlugin {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn backend(&self) -> Backend {
        Backend::Wasm
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn capabilities(&self) -> Option<Capabilities> {
        Some(self.linked.capabilities)
    }

    fn contract(&self) -> Option<&str> {
        self.linked.indices.contract()
    }

    async fn instance(&self, setup: InstanceSetup) -> Result<Arc<dyn Instance>, CallError> {
        Ok(Arc::new(WasmInstance::new(self.linked.clone(), setup)))
    }
}

/// A component's content, and the file it is in.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// To be read.
    File(&'a Path),
    /// Read and hashed before.
    Staged(&'a Staged),
}

impl<'a> Source<'a> {
    fn file(self) -> &'a Path {
        match self {
            Self::File(file) => file,
            Self::Staged(staged) => &staged.file,
        }
    }
}

/// A component's content, or its file.
enum Content {
    Read(Bytes, Digest),
    Opened(File, Metadata),
}

/// Loads a plugin.
///
/// # Errors
///
/// A report of the first step that failed.
pub(super) async fn load(
    shared: &Arc<Shared>,
    source: Source<'_>,
) -> Result<Arc<dyn Plugin>, LoadError> {
    let file = source.file();
    let compiled = compiled(shared, source).await?;
    let linked = link(shared, file, &compiled)?;
    let manifest = describe(&linked, file).await?;
    Ok(Arc::new(WasmPlugin {
        linked,
        manifest,
        digest: compiled.digest,
    }))
}

/// Loads a plugin that was loaded before, without asking it again who it is.
///
/// # Errors
///
/// As [`load`].
pub(super) async fn load_again(
    shared: &Arc<Shared>,
    file: &Path,
    known: &PluginDescription,
) -> Result<Arc<dyn Plugin>, LoadError> {
    let compiled = compiled(shared, Source::File(file)).await?;
    let digest = compiled.digest;
    let linked = link(shared, file, &compiled)?;
    let manifest = if digest == known.digest {
        known.manifest.clone()
    } else {
        describe(&linked, file).await?
    };
    Ok(Arc::new(WasmPlugin {
        linked,
        manifest,
        digest,
    }))
}

/// Loads a plugin and describes its content.
///
/// # Errors
///
/// As [`load`].
pub(super) async fn inspect(shared: &Arc<Shared>, file: &Path) -> Result<Inspection, LoadError> {
    let compiled = compiled(shared, Source::File(file)).await?;
    let linked = link(shared, file, &compiled)?;
    let manifest = describe(&linked, file).await?;
    let ty = compiled.component.component_type();
    Ok(Inspection {
        file: file.to_owned(),
        size: compiled.bytes.len() as u64,
        digest: compiled.digest,
        manifest,
        contract: linked.indices.contract(),
        capabilities: linked.capabilities,
        imports: ty
            .imports(&shared.engine)
            .map(|(name, _)| name.to_owned())
            .collect(),
        exports: ty
            .exports(&shared.engine)
            .map(|(name, _)| name.to_owned())
            .collect(),
    })
}

/// A component as machine code.
struct Compiled {
    /// The content of the file.
    bytes: Bytes,
    digest: Digest,
    component: Component,
}

/// Read, decode, compile.
async fn compiled(shared: &Arc<Shared>, source: Source<'_>) -> Result<Compiled, LoadError> {
    let file = source.file();
    let read = read(shared, source).await?;
    let (bytes, digest) = (read.bytes.clone(), read.digest);
    let component = match read.code {
        Some(component) => component,
        None => {
            let shared = shared.clone();
            let owned = file.to_owned();
            // Takes up to seconds of every core, and the waiting caller may
            // give up.
            tokio::task::spawn_blocking(move || compile(&shared, &owned, &read))
                .await
                .unwrap_or_else(|error| Err(broke_off(file, &error)))?
        }
    };
    Ok(Compiled {
        bytes,
        digest,
        component,
    })
}

/// The content of a component's file.
struct Read {
    bytes: Bytes,
    digest: Digest,
    /// Its code, if it was compiled before.
    code: Option<Component>,
}

/// The largest file, in bytes, that is read where it is asked for: waking
/// another thread takes as long as reading a small one. Those up to here take a
/// few milliseconds at most, less than a guest may compute before it yields.
const READ_AT_ONCE_BYTES: u64 = 2 << 20;

/// Reads a file, and looks for its code.
async fn read(shared: &Arc<Shared>, source: Source<'_>) -> Result<Read, LoadError> {
    let file = source.file();
    let (size, content) = match source {
        Source::Staged(staged) => (
            staged.bytes.len() as u64,
            Content::Read(staged.bytes.clone(), staged.digest),
        ),
        Source::File(file) => {
            let (opened, metadata) = files::open(file).map_err(|error| unreadable(file, &error))?;
            (metadata.len(), Content::Opened(opened, metadata))
        }
    };
    if size > shared.component_bytes {
        return Err(Report(file).of(
            Step::Read,
            format!("a component of at most {} bytes", shared.component_bytes),
            format!("{size} bytes"),
            "build it without debug information and for size, or raise the limit",
        ));
    }
    if size <= READ_AT_ONCE_BYTES {
        return look_up(shared, file, content);
    }
    let shared = shared.clone();
    let owned = file.to_owned();
    tokio::task::spawn_blocking(move || look_up(&shared, &owned, content))
        .await
        .unwrap_or_else(|error| Err(broke_off(file, &error)))
}

fn broke_off(file: &Path, error: &JoinError) -> LoadError {
    Report(file).of(
        Step::Compile,
        "the compiler to come to an end",
        format!("an internal error: {error}"),
        "report this with the file to Mortise's maintainers",
    )
}

fn look_up(shared: &Shared, file: &Path, content: Content) -> Result<Read, LoadError> {
    let (bytes, digest) = match content {
        Content::Read(bytes, digest) => (bytes, digest),
        Content::Opened(opened, metadata) => {
            let bytes = files::read_opened(opened, &metadata, shared.component_bytes)
                .map_err(|error| unreadable(file, &error))?;
            tracing::debug!(file = %file.display(), "read a component");
            let digest = Digest::of(&bytes);
            (Bytes::from(bytes), digest)
        }
    };
    misfit::decode(&Report(file), &bytes)?;
    let code = shared
        .cache
        .as_ref()
        .and_then(|cache| cache.load(&shared.engine, &digest));
    Ok(Read {
        bytes,
        digest,
        code,
    })
}

fn compile(shared: &Shared, file: &Path, read: &Read) -> Result<Component, LoadError> {
    let component = Component::from_binary(&shared.engine, &read.bytes)
        .map_err(|error| misfit::does_not_compile(&Report(file), &read.bytes, &error))?;
    tracing::debug!(file = %file.display(), "compiled a component");
    if let Some(cache) = &shared.cache {
        cache.store(&read.digest, &component);
    }
    Ok(component)
}

/// Link.
fn link(shared: &Arc<Shared>, file: &Path, compiled: &Compiled) -> Result<Arc<Linked>, LoadError> {
    let report = Report(file);
    let component = &compiled.component;
    misfit::check_imports(&report, shared, component)?;
    let pre = shared.linker.instantiate_pre(component).map_err(|error| {
        report.of(
            Step::Link,
            "imports of the types that this host provides",
            format!("{error:#}"),
            "build it against the WIT files of this version of Mortise",
        )
    })?;
    misfit::check_names(&report, shared, component)?;
    let indices = Indices::new(&pre).map_err(|error| misfit::wrong_export(&report, &error))?;
    let ty = component.component_type();
    let mut imports = ty.imports(&shared.engine).map(|(name, _)| name);
    let stores =
        imports.any(|name| name.starts_with("mortise:plugin/storage@") || standard::stores(name));
    let embedded = match indices.manifest {
        Some(_) => None,
        None => embedded(&report, shared, compiled, &indices)?,
    };
    let configured = embedded
        .as_ref()
        .and_then(|embedded| embedded.configuration.as_ref())
        .map(|_| Capability::Configurer);
    let exported = indices.capabilities().iter();
    let capabilities: Capabilities = exported.chain(configured).collect();
    let capabilities = capabilities.storing(stores);
    Ok(Arc::new(Linked {
        shared: shared.clone(),
        pre,
        indices,
        capabilities,
        embedded,
    }))
}

/// The manifest in the file of a component that exports none.
fn embedded(
    report: &Report<'_>,
    shared: &Shared,
    compiled: &Compiled,
    indices: &Indices,
) -> Result<Option<Embedded>, LoadError> {
    let flawed = |flaw: Flaw| report.of(Step::Manifest, flaw.expected, flaw.found, flaw.fix);
    let embedded = embedded::read(&compiled.bytes).map_err(flawed)?;
    let is_called = indices.capabilities().iter().next().is_some();
    match &embedded {
        Some(embedded) if is_called => {
            if embedded.configuration.is_some() && indices.configurer.is_some() {
                return Err(flawed(Flaw {
                    expected: "one configuration".to_owned(),
                    found: format!(
                        "the export `configurer`, and another in the section `{}`",
                        embedded::SECTION
                    ),
                    fix: "remove one of them".to_owned(),
                }));
            }
        }
        other => {
            let component = &compiled.component;
            return Err(misfit::exports(report, shared, component, other.is_some()));
        }
    }
    Ok(embedded)
}

/// Describes and checks: asks for the manifest, on an instance without a user.
/// Nothing runs of a component whose manifest is in its file, unless it exports
/// functions of the contract's, whose types are checked.
async fn describe(linked: &Arc<Linked>, file: &Path) -> Result<Manifest, LoadError> {
    if let Some(embedded) = &linked.embedded
        && !linked.indices.has_own()
    {
        return Ok(embedded.manifest.clone());
    }
    let report = Report(file);
    let limits = linked.shared.describe.clone();
    let setup = InstanceSetup {
        user: User {
            id: 0,
            name: String::new(),
            admin: false,
        },
        host: Arc::new(Nobody),
        grants: Grants::default(),
        log: Arc::new(Log::new(limits.log_bytes)),
        denials: Arc::default(),
        limits,
        config: None,
        base_path: None,
        trial: false,
    };
    let manifest = match WasmInstance::new(linked.clone(), setup).describe().await {
        Ok(Ok(manifest)) => Ok(manifest),
        Ok(Err(error)) => Err(misfit::wrong_export(&report, &error)),
        Err(error) => Err(misfit::does_not_describe(&report, &error)),
    }?;
    manifest::check(&manifest)
        .map_err(|flaw| report.of(Step::Manifest, flaw.expected, flaw.found, flaw.fix))?;
    Ok(manifest)
}

/// The host of an instance without a user.
struct Nobody;

impl Nobody {
    fn refuse<T>() -> Result<T, Error> {
        Err(Error::Unavailable(
            "nothing can be asked of the host while the plugin is being described".to_owned(),
        ))
    }
}

#[async_trait]
impl Host for Nobody {
    async fn send(&self, _: Outgoing, _: Origin) -> Result<u64, Error> {
        Self::refuse()
    }
    async fn message(&self, _: u64, _: &Applications) -> Result<Option<Message>, Error> {
        Self::refuse()
    }
    async fn sent(&self, _: Option<u64>, _: u32) -> Result<Vec<Message>, Error> {
        Self::refuse()
    }
    async fn received(
        &self,
        _: Option<u64>,
        _: u32,
        _: &Applications,
    ) -> Result<Vec<Message>, Error> {
        Self::refuse()
    }
    async fn remove_message(&self, _: u64) -> Result<(), Error> {
        Self::refuse()
    }
    async fn load(&self, _: &str) -> Result<Option<Vec<u8>>, Error> {
        Self::refuse()
    }
    async fn store(&self, _: &str, _: Vec<u8>, _: u64) -> Result<(), Error> {
        Self::refuse()
    }
    async fn unset(&self, _: &str) -> Result<(), Error> {
        Self::refuse()
    }
    async fn keys(&self, _: &str) -> Result<Vec<String>, Error> {
        Self::refuse()
    }
    async fn set_timer(&self, _: &str, _: Timing, _: u32) -> Result<(), Error> {
        Self::refuse()
    }
    async fn cancel_timer(&self, _: &str) -> Result<(), Error> {
        Self::refuse()
    }
}
