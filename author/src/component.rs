//! A core module made into a component, in this process.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as REACTOR,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::world::World;

/// Encodes a core module as a component of a world. Without a world, uses the
/// one in the module. Calls of WASI 0.1 become WASI 0.2.
///
/// # Errors
///
/// The mismatch, as a text.
pub fn encode(mut module: Vec<u8>, world: Option<&World>) -> Result<Vec<u8>, String> {
    let in_full = |error| format!("{error:#}");
    if let Some(world) = world {
        embed_component_metadata(&mut module, &world.resolve, world.id, StringEncoding::UTF8)
            .map_err(in_full)?;
    }
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.adapter(ADAPTER, REACTOR))
        .map_err(in_full)?
        .validate(true)
        .encode()
        .map_err(in_full)
}
