//! Go: the standard compiler makes a core module with all that a plugin may
//! export, for the SDK's bindings are of the whole contract; the plugin's world
//! says what of it the component has. A native plugin is the same source, built
//! for this machine.

use std::path::PathBuf;

use super::Recipe;
use mortise_toolchain::process;

use crate::{Error, job::Job};

/// Go's own HTTP client, and the tag by which the SDK is its transport where a
/// plugin imports it.
const CLIENT: &str = "net/http";
const HTTP_TAG: &str = "mortise_http";

/// Plugins in Go.
#[derive(Clone, Copy, Debug)]
pub struct Go;

impl Recipe for Go {
    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let go = compiler(job)?;
        let world = job.step("write the world to wit/", || job.write_world())?;
        job.own_sdk()?;
        let module = job.work()?.join("core.wasm");
        let for_wasi = |arguments: &[&str]| {
            let mut command = job.command(&go);
            command
                .args(arguments)
                .env("GOOS", "wasip1")
                .env("GOARCH", "wasm");
            command
        };
        job.step("compile with go for wasip1", || {
            let listed = process::output(&mut for_wasi(&["list", "-deps", "."]))?;
            let tags = if listed.lines().any(|package| package == CLIENT) {
                HTTP_TAG
            } else {
                ""
            };
            job.run(
                for_wasi(&["build", "-buildmode=c-shared", "-tags", tags, "-o"])
                    .arg(&module)
                    .arg("."),
            )
        })?;
        job.step("make a component", || {
            job.collect(&job.componentize(&module, Some(&world))?)
        })
    }

    fn native(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let go = compiler(job)?;
        job.own_sdk()?;
        let program = job.work()?.join("plugin");
        let mut command = job.command(go);
        command.args(["build", "-o"]).arg(&program).arg(".");
        let place = match job.other_platform() {
            Some(target) => {
                // Go names platforms as registries do.
                command
                    .env("GOOS", &target.os)
                    .env("GOARCH", &target.architecture)
                    .env("CGO_ENABLED", "0");
                target.to_string()
            }
            None => {
                command.env_remove("GOOS").env_remove("GOARCH");
                "this machine".to_owned()
            }
        };
        job.step(&format!("compile with go for {place}"), || {
            job.run(&mut command)
        })?;
        job.collect_file(&program)
    }

    fn by_hand(&self, name: &str) -> Vec<String> {
        vec![
            format!(
                "GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -tags {HTTP_TAG} -o core.wasm"
            ),
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
