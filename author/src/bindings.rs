//! The contract for a language without an SDK: the world of a plugin, and bindings in
//! C, which most languages can call.

use std::path::{Path, PathBuf};

use wit_bindgen_core::Files;

use crate::{
    Capability, Error,
    language::C_BINDINGS,
    project::WIT,
    world,
    world::{World, put},
};

/// Writes a plugin's world to the folder `wit` in a folder. It exports these
/// capabilities. It exports no manifest: that is a file, which `mortise plugin
/// componentize --manifest` puts into the component.
///
/// # Errors
///
/// It cannot be written.
pub fn write_world(folder: &Path, capabilities: &[Capability]) -> Result<World, Error> {
    world::without_manifest(&folder.join(WIT), capabilities)
}

/// Writes the bindings of a world in C to the folder `bindings` in a folder, and
/// returns its path.
///
/// # Errors
///
/// They cannot be generated or written.
pub fn write_c(folder: &Path, mut world: World) -> Result<PathBuf, Error> {
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut world.resolve, world.id, &mut files)
        .map_err(|error| Error::World(format!("{error:#}")))?;
    let folder = folder.join(C_BINDINGS);
    for (name, bytes) in files.iter() {
        put(&folder.join(name), bytes)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::{write_c, write_world};
    use crate::Capability;

    #[test]
    fn bindings_have_the_capabilities_and_no_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let capabilities = [Capability::Timer, Capability::Webhook];
        let world = write_world(folder.path(), &capabilities).unwrap();
        write_c(folder.path(), world).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let header = read("bindings/plugin.h");
        for (part, there) in [
            ("exports_mortise_plugin_timer_on_timer(", true),
            ("exports_mortise_plugin_webhook_handle(", true),
            ("exports_mortise_plugin_filter_filter(", false),
            ("exports_mortise_plugin_manifest_describe(", false),
            ("mortise_plugin_storage_get(", true),
            ("wasi_http_outgoing_handler_handle(", true),
        ] {
            assert_eq!(header.contains(part), there, "{part}");
        }
        assert!(read("wit/world.wit").contains("mortise plugin bindings"));
    }
}
