//! The binary `mortise`. Everything is in the library's [`cli`](mortise_server::cli).

fn main() -> std::process::ExitCode {
    // This executable is also what stands between the server and a native
    // plugin: started as that, it does not return from here.
    #[cfg(unix)]
    mortise_native_bridge::launch::intercept();
    bound_heaps();
    mortise_server::cli::main()
}

/// Has glibc keep one heap for each core, where it would keep eight. Plugins
/// come and go on threads that come and go: over time they would leave remains
/// in every heap there is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn bound_heaps() {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let heaps = libc::c_int::try_from(cores.max(2)).unwrap_or(libc::c_int::MAX);
    // SAFETY: it changes a setting of the allocator, whose only other threads
    // are yet to come.
    #[expect(unsafe_code, reason = "the C library offers no other way")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, heaps);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn bound_heaps() {}
