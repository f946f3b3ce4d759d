//! A filter for Extism that reads the message and gives it back, as the component
//! `echo` does for Mortise. It calls Extism's kernel directly and has no standard
//! library: both make it faster than Extism's own kit for Rust would.

#![no_std]

extern crate alloc;

use alloc::{string::String, vec, vec::Vec};
use core::alloc::{GlobalAlloc, Layout};

use serde::{Deserialize, Serialize};

#[link(wasm_import_module = "extism:host/env")]
unsafe extern "C" {
    fn input_length() -> u64;
    fn input_load_u8(offset: u64) -> u8;
    fn input_load_u64(offset: u64) -> u64;
    fn alloc(length: u64) -> u64;
    fn store_u8(offset: u64, value: u8);
    fn store_u64(offset: u64, value: u64);
    fn output_set(offset: u64, length: u64);
}

/// Hands out memory from one range that grows, and takes all of it back when the
/// next call begins.
struct Bump;

const PAGE: usize = 65536;
static mut START: usize = 0;
static mut NEXT: usize = 0;
static mut END: usize = 0;

unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe {
            let start = NEXT.next_multiple_of(layout.align());
            let end = start + layout.size();
            if END == 0 || end > END {
                let pages = layout.size().div_ceil(PAGE) + 1;
                let grown = core::arch::wasm32::memory_grow(0, pages);
                if grown == usize::MAX {
                    return core::ptr::null_mut();
                }
                if END == 0 {
                    START = grown * PAGE;
                    NEXT = START;
                }
                END = (grown + pages) * PAGE;
                return self.alloc(layout);
            }
            NEXT = end;
            start as *mut u8
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Bump = Bump;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[derive(Deserialize, Serialize)]
struct Draft {
    application: Application,
    content: Content,
    received_ms: u64,
}

#[derive(Deserialize, Serialize)]
struct Application {
    id: u64,
    name: String,
}

#[derive(Deserialize, Serialize)]
struct Content {
    title: String,
    body: String,
    priority: i32,
    extras: Option<String>,
}

fn input() -> Vec<u8> {
    unsafe {
        let length = input_length();
        let mut bytes = vec![0; length as usize];
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for (index, word) in words.iter_mut().enumerate() {
            *word = input_load_u64(index as u64 * 8).to_le_bytes();
        }
        let read = length - rest.len() as u64;
        for (index, byte) in rest.iter_mut().enumerate() {
            *byte = input_load_u8(read + index as u64);
        }
        bytes
    }
}

fn output(bytes: &[u8]) {
    unsafe {
        let offset = alloc(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            store_u64(offset + index as u64 * 8, u64::from_le_bytes(*word));
        }
        let written = offset + (words.len() * 8) as u64;
        for (index, byte) in rest.iter().enumerate() {
            store_u8(written + index as u64, *byte);
        }
        output_set(offset, bytes.len() as u64);
    }
}

/// Returns the draft's content. 0 is success.
#[unsafe(no_mangle)]
extern "C" fn filter() -> i32 {
    unsafe { NEXT = START }
    let Ok(draft) = serde_json::from_slice::<Draft>(&input()) else {
        return 1;
    };
    let Ok(answer) = serde_json::to_vec(&draft.content) else {
        return 1;
    };
    output(&answer);
    0
}
