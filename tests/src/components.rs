//! Components made from WebAssembly text in memory: for what no compiler would
//! ever produce, and for tests that must not wait for one.

use anyhow::{Context as _, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A component of a world, given as the lines between its braces, around a
/// core module, given as text.
///
/// # Errors
///
/// WIT or WebAssembly text that is wrong, and a module that does not fit.
pub fn component(world: &str, module: &str) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"))?;
    let package = resolve.push_str(
        "fixture.wit",
        &format!(
            "package test:fixture;\n\
             world fixture {{ {world} }}\n\
             package wasi:clocks@0.2.0 {{ interface monotonic-clock {{ now: func() -> u64; }} }}\n"
        ),
    )?;
    let world = resolve.select_world(&[package], Some("fixture"))?;
    let mut module = wat::parse_str(module).context("the module's text")?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default()
        .module(&module)?
        .validate(true)
        .encode()
}

/// A plugin that describes itself in order, and does what `functions` say for
/// everything else. `exports` names capabilities and imports as in a world.
///
/// The module has a memory of two pages whose bytes from [`ZEROS`] on are zero
/// up to the end of the first page, which reads as the first case of any
/// variant: a filter that returns [`ZEROS`] keeps the message.
///
/// # Errors
///
/// As [`component`].
pub fn plugin(id: &str, world: &str, functions: &str) -> Result<Vec<u8>> {
    let described = describing(id);
    component(
        &format!("export mortise:plugin/manifest@0.1.0; {world}"),
        &module(&format!("{functions}\n{described}")),
    )
}

/// Zeroed bytes in a fixture's memory.
pub const ZEROS: u32 = 32768;

/// A module around functions. Imports have to come first in a module, so they
/// are split off: a line that begins with `(import` is one.
fn module(functions: &str) -> String {
    let (imports, rest): (Vec<&str>, Vec<&str>) = functions
        .lines()
        .partition(|line| line.trim_start().starts_with("(import"));
    format!(
        r#"(module
            {}
            (memory (export "memory") 2)
            (global $free (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at
                    (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.set $free (i32.add (local.get $at) (local.get 3)))
                (block $fits
                    (br_if $fits (i32.le_u (global.get $free)
                        (i32.mul (memory.size) (i32.const 65536))))
                    (drop (memory.grow
                        (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1)))))
                (local.get $at))
            {}
        )"#,
        imports.join("\n"),
        rest.join("\n"),
    )
}

/// `manifest.describe` with this id, named `Fixture`, version 1.0.0.
fn describing(id: &str) -> String {
    // The record of seven strings and a list, at 1024; its texts behind it.
    let texts = [id, "Fixture", "1.0.0", "", "", "", ""];
    let (mut at, mut record, mut bytes) = (2048_u32, Vec::new(), Vec::new());
    for text in texts {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        record.extend(at.to_le_bytes());
        record.extend(length.to_le_bytes());
        bytes.extend(text.as_bytes());
        at += length;
    }
    let escaped = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|b| format!("\\{b:02x}"))
            .collect::<String>()
    };
    format!(
        r#"(data (i32.const 1024) "{}") (data (i32.const 2048) "{}")
        (func (export "mortise:plugin/manifest@0.1.0#describe") (result i32) (i32.const 1024))"#,
        escaped(&record),
        escaped(&bytes)
    )
}
