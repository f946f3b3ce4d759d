//! Go: the standard compiler makes a core module with all that a plugin may
//! export, for the SDK's bindings are of the whole contract; the plugin's world
//! says what of it the component has. A native plugin is the same source, built
//! for this machine.

use std::path::PathBuf;

use super::Recipe;
use crate::{Capability, Error, job::Job};

/// Plugins in Go.
#[derive(Clone, Copy, Debug)]
pub struct Go;

impl Recipe for Go {
    fn title(&self) -> &'static str {
        "Go"
    }

    fn sdk(&self) -> &'static str {
        "go"
    }

    fn always_exports(&self) -> &'static [Capability] {
        &[Capability::Lifecycle]
    }

    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let go = compiler(job)?;
        let world = job.step("write the world to wit/", || job.write_world())?;
        job.sdk()?;
        let module = job.work()?.join("core.wasm");
        job.step("compile with go for wasip1", || {
            job.run(
                job.command(go)
                    .args(["build", "-buildmode=c-shared", "-o"])
                    .arg(&module)
                    .arg(".")
                    .env("GOOS", "wasip1")
                    .env("GOARCH", "wasm"),
            )
        })?;
        job.step("make a component", || {
            job.collect(&job.componentize(&module, Some(&world))?)
        })
    }

    fn native(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let go = compiler(job)?;
        job.sdk()?;
        let program = job.work()?.join("plugin");
        job.step("compile with go for this machine", || {
            job.run(
                job.command(go)
                    .args(["build", "-o"])
                    .arg(&program)
                    .arg(".")
                    .env_remove("GOOS")
                    .env_remove("GOARCH"),
            )
        })?;
        job.collect_file(&program)
    }

    fn made(&self) -> &'static [&'static str] {
        &[]
    }

    fn by_hand(&self, name: &str) -> Vec<String> {
        vec![
            "GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o core.wasm".to_owned(),
            "wasm-tools component embed wit core.wasm -o embedded.wasm".to_owned(),
            "wasm-tools component new embedded.wasm --adapt wasi_snapshot_preview1.reactor.wasm \\"
                .to_owned(),
            format!("    -o {name}.wasm"),
        ]
    }
}

fn compiler(job: &Job<'_>) -> Result<PathBuf, Error> {
    job.tool(
        "go",
        "compiles Go",
        &[
            "install Go 1.24 or newer as https://go.dev/doc/install says",
            "Debian: apt-get install golang-go, where that is 1.24 or newer",
        ],
    )
}
