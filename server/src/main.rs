//! The binary `mortise`. Everything is in the library's [`cli`](mortise_server::cli).

fn main() -> std::process::ExitCode {
    // This executable is also what stands between the server and a native
    // plugin: started as that, it does not return from here.
    mortise_native_bridge::launch::intercept();
    mortise_server::cli::main()
}
