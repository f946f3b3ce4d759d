//! A plugin is loaded once: `mortise plugin install` reads and compiles a component
//! once, and starts a native plugin's process once. Counted in the log of the real
//! server.

use std::{fs::File, path::Path, process::Stdio};

use mortise_tests::{components, natives, server};

/// A server whose log of loading goes to a file.
struct Logged {
    child: std::process::Child,
    data: tempfile::TempDir,
}

impl Drop for Logged {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Logged {
    fn start() -> Self {
        use std::io::BufRead as _;

        let data = tempfile::tempdir().unwrap();
        let log = File::create(data.path().join("log")).unwrap();
        let mut child = std::process::Command::new(server::program())
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data.path())
            .env(
                "RUST_LOG",
                "mortise_runtime=debug,mortise_wasm=debug,mortise_native=debug",
            )
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(out).read_line(&mut line).unwrap();
        assert!(line.contains("url"), "{line}");
        Self { child, data }
    }

    fn install(&self, file: &Path) {
        let output = server::run([
            "plugin".as_ref(),
            "install".as_ref(),
            file.as_os_str(),
            "--data-dir".as_ref(),
            self.data.path().as_os_str(),
        ]);
        assert!(output.status.success(), "{output:?}");
    }

    /// How many lines of the log tell of this.
    fn count(&self, event: &str) -> usize {
        let log = std::fs::read_to_string(self.data.path().join("log")).unwrap();
        log.lines().filter(|line| line.contains(event)).count()
    }
}

#[test]
fn a_component_is_read_and_compiled_once() {
    let server = Logged::start();
    let component = components::plugin("once", "", "").unwrap();
    let file = server.data.path().join("once.wasm");
    std::fs::write(&file, component).unwrap();
    server.install(&file);
    let counts = [
        "read a plugin's file",
        "read a component",
        "compiled a component",
    ]
    .map(|event| server.count(event));
    assert_eq!(counts, [1, 0, 1]);
}

#[test]
fn a_native_plugin_is_started_once() {
    let server = Logged::start();
    let file = server.data.path().join("stamp");
    std::fs::write(&file, natives::stamp("org.example.once", "1.0.0")).unwrap();
    server.install(&file);
    let counts = ["read a plugin's file", "started a process"].map(|event| server.count(event));
    assert_eq!(counts, [1, 1]);
}
