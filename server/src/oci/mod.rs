//! Plugins in registries: the client of the OCI distribution API that installs
//! and publishes plugins.
//!
//! - `reference`: the address of a version, `oci://host/name:tag`.
//! - `document`: the layout of a plugin in a registry.
//! - `access`: the means to reach a registry:
//!   - `credentials`: names and passwords from Docker's file.
//!   - `authorities`: the certificate authorities that are trusted.
//! - `session`: requests to one registry. Redirects, answers and waits are
//!   bounded, and credentials stay with their host.
//! - `find`: a version's description, before anything of it is downloaded.
//! - `download`: its file; goes on after a break.
//! - `tags`: the newest version.
//! - `push`: publishing.
//!
//! Everything that a registry sends is checked against a digest: the manifest
//! against the reference's, or the one that the caller saw, and everything else
//! against the manifest.

mod access;
mod authorities;
mod credentials;
mod document;
mod download;
mod error;
mod find;
mod push;
mod reference;
mod session;
mod tags;

pub use self::{
    access::Access,
    authorities::{AuthorityError, check_authorities},
    download::download,
    error::RegistryError,
    find::{Artifact, Found, find},
    push::{Piece, Platform, Pushed, Release, push},
    reference::{ParseReferenceError, Reference},
    tags::newest,
};
