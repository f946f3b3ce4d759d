//! No code: see the manifest, which is all there is to this crate.

fn main() {}
