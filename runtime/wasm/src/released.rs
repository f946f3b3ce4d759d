//! The types of released versions of the contract that differ from today's.

/// Version 0.1.0.
pub(crate) mod v0_1 {
    use mortise_runtime::types::{self, Directory};
    use wasmtime::component::{ComponentType, Lift};

    /// A permission.
    #[derive(Clone, ComponentType, Lift)]
    #[component(variant)]
    pub(crate) enum Permission {
        #[component(name = "send-messages")]
        SendMessages,
        #[component(name = "read-messages")]
        ReadMessages(Vec<String>),
        #[component(name = "filter-messages")]
        FilterMessages,
        #[component(name = "webhook")]
        Webhook,
        #[component(name = "cookies")]
        Cookies(Vec<String>),
        #[component(name = "http")]
        Http(Vec<String>),
        #[component(name = "files")]
        Files(Vec<Directory>),
        #[component(name = "environment")]
        Environment(Vec<String>),
        #[component(name = "timers")]
        Timers,
    }

    /// A permission that a plugin asks for.
    #[derive(Clone, ComponentType, Lift)]
    #[component(record)]
    pub(crate) struct Request {
        permission: Permission,
        reason: String,
    }

    /// The description of a plugin.
    #[derive(Clone, ComponentType, Lift)]
    #[component(record)]
    pub(crate) struct Manifest {
        id: String,
        name: String,
        version: String,
        description: String,
        author: String,
        license: String,
        website: String,
        wants: Vec<Request>,
    }

    impl From<Permission> for types::Permission {
        fn from(permission: Permission) -> Self {
            match permission {
                Permission::SendMessages => Self::SendMessages,
                Permission::ReadMessages(names) => Self::ReadMessages(names),
                Permission::FilterMessages => Self::FilterMessages,
                Permission::Webhook => Self::Webhook,
                Permission::Cookies(names) => Self::Cookies(names),
                Permission::Http(patterns) => Self::Http(patterns),
                Permission::Files(directories) => Self::Files(directories),
                Permission::Environment(names) => Self::Environment(names),
                Permission::Timers => Self::Timers,
            }
        }
    }

    impl From<Manifest> for types::Manifest {
        fn from(manifest: Manifest) -> Self {
            let wants = manifest.wants.into_iter().map(|request| types::Request {
                permission: request.permission.into(),
                reason: request.reason,
            });
            Self {
                id: manifest.id,
                name: manifest.name,
                version: manifest.version,
                description: manifest.description,
                author: manifest.author,
                license: manifest.license,
                website: manifest.website,
                wants: wants.collect(),
                listens: None,
            }
        }
    }
}
