//! Wasmtime's derives, which derive nothing.

use proc_macro::TokenStream;

/// As wasmtime's.
#[proc_macro_derive(ComponentType, attributes(component))]
pub fn component_type(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// As wasmtime's.
#[proc_macro_derive(Lift, attributes(component))]
pub fn lift(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// As wasmtime's.
#[proc_macro_derive(Lower, attributes(component))]
pub fn lower(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
