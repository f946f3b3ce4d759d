//! Generated from `wit/`: typed calls into components, and the traits behind
//! their imports. The types are [`super::types`], not generated.

#![expect(unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "mortise:plugin/plugin",
    imports: { default: async },
    exports: { default: async },
    with: { "mortise:plugin/types": crate::bindings::data },
});

/// The code that the generator would make for the interface `types`, which has
/// no functions, around our own types.
#[allow(
    dead_code,
    reason = "the generated code names the traits as bounds, without using them"
)]
pub mod data {
    use wasmtime::component::{HasData, Linker};

    pub use mortise_runtime::types::*;

    pub trait Host {}
    impl<H: ?Sized> Host for H {}

    pub trait HostWithStore<T>: HasData {}
    impl<T, H: ?Sized + HasData> HostWithStore<T> for H {}

    pub fn add_to_linker<T: 'static, D: HasData>(
        linker: &mut Linker<T>,
        _host: fn(&mut T) -> D::Data<'_>,
    ) -> wasmtime::Result<()> {
        linker.instance("mortise:plugin/types@0.1.0").map(drop)
    }
}
