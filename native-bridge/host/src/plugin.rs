//! A loaded native plugin: one file, one supervisor, many instances.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use mortise_runtime::{
    Backend, CallError, Capabilities, Digest, Instance, InstanceSetup, Plugin,
    process::{Attachment, Process},
    types::Manifest,
};

use mortise_protocol::methods::Description;

use crate::{
    instance::NativeInstance,
    supervisor::{Member, Supervisor},
};

/// A loaded native plugin. Its process runs while instances need it.
#[derive(Debug)]
pub struct NativePlugin {
    supervisor: Arc<Supervisor>,
    description: Description,
    /// The version of the contract that its process has agreed to.
    contract: Option<String>,
    digest: Digest,
}

impl NativePlugin {
    pub(crate) const fn new(
        supervisor: Arc<Supervisor>,
        description: Description,
        contract: Option<String>,
        digest: Digest,
    ) -> Self {
        Self {
            supervisor,
            description,
            contract,
            digest,
        }
    }
}

#[async_trait]
impl Plugin for NativePlugin {
    fn manifest(&self) -> &Manifest {
        &self.description.manifest
    }

    fn module_path(&self) -> Option<&str> {
        self.description.module_path.as_deref()
    }

    fn contract(&self) -> Option<&str> {
        self.contract.as_deref()
    }

    fn backend(&self) -> Backend {
        Backend::Native
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn capabilities(&self) -> Option<Capabilities> {
        None
    }

    async fn instance(&self, setup: InstanceSetup) -> Result<Arc<dyn Instance>, CallError> {
        let trial = setup.trial;
        let instance = NativeInstance::new(Arc::clone(&self.supervisor), setup);
        let member: Arc<dyn Member> = instance.member();
        let weak: Weak<dyn Member> = Arc::downgrade(&member);
        drop(member);
        self.supervisor.join(weak);
        if !trial {
            self.supervisor.serve_lasting();
        }
        self.supervisor.refit(false).await;
        instance.create().await?;
        Ok(Arc::new(instance))
    }

    fn process(&self) -> Option<Process> {
        Some(Process {
            state: self.supervisor.state(),
            log: Arc::clone(self.supervisor.log()),
        })
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.supervisor.memory_bytes()
    }

    fn attach(&self) -> Result<Attachment, CallError> {
        self.supervisor.attach()
    }

    fn attach_lasting(&self) -> Result<Attachment, CallError> {
        self.supervisor.attach_lasting()
    }
}
