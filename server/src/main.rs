//! The binary `mortise`. Everything is in the library's [`cli`](mortise_server::cli).

fn main() -> std::process::ExitCode {
    mortise_server::cli::main()
}
