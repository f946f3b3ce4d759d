//! The examples that run as processes of their own, beside the components. They
//! are built with what their authors use; where that is not installed the demo
//! says so and goes on without.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::api::{Api, Plugin};
use crate::{
    go,
    run::{answers, run, say},
    workspace::Workspace,
};

/// One of them.
pub(super) struct Native {
    /// Its folder among the examples.
    folder: &'static str,
    /// In which language.
    language: &'static str,
    build: fn(&Workspace, &str) -> Result<PathBuf>,
    /// A request to its webhook, which shows that it answers.
    method: Method,
    path: &'static str,
    body: Option<&'static str>,
}

static NATIVES: [Native; 2] = [
    Native {
        folder: "native-go-uptime",
        language: "Go",
        build: build_go,
        method: Method::GET,
        path: "status",
        body: None,
    },
    Native {
        folder: "native-python-hook",
        language: "Python",
        build: build_python,
        method: Method::POST,
        path: "?title=disk",
        body: Some(r#"{"disk":{"used":91}}"#),
    },
];

/// What one of them answered.
#[derive(Debug, Serialize)]
pub(super) struct Answered {
    plugin: String,
    language: &'static str,
    request: String,
    answer: Value,
}

/// What can be built, by example; what cannot is told.
pub(super) fn build(workspace: &Workspace) -> Vec<(&'static Native, PathBuf)> {
    let mut built = Vec::new();
    for native in &NATIVES {
        match (native.build)(workspace, native.folder) {
            Ok(file) => built.push((native, file)),
            Err(error) => say(format_args!(
                "without examples/{}, in {}: {error:#}",
                native.folder, native.language
            )),
        }
    }
    built
}

fn build_go(workspace: &Workspace, folder: &str) -> Result<PathBuf> {
    go::build(workspace, &format!("examples/{folder}"), ".")
}

/// One file of the plugin and the SDK.
fn build_python(workspace: &Workspace, folder: &str) -> Result<PathBuf> {
    if !answers(Command::new("python3").arg("--version")) {
        bail!("there is no `python3`: install Python 3.9 or newer");
    }
    let made = workspace.tools().join("python").join(folder);
    let copies = [
        (format!("examples/{folder}/hook.py"), "__main__.py"),
        (
            "native-bridge/python/mortise_plugin.py".to_owned(),
            "mortise_plugin.py",
        ),
    ];
    fs::create_dir_all(&made).with_context(|| format!("{} cannot be made", made.display()))?;
    for (from, to) in copies {
        fs::copy(workspace.root.join(&from), made.join(to))
            .with_context(|| format!("{from} cannot be copied"))?;
    }
    let program = made.with_extension("pyz");
    say(format_args!("building examples/{folder}"));
    run(Command::new("python3")
        .args(["-m", "zipapp", "-p", "/usr/bin/env python3", "-o"])
        .arg(&program)
        .arg(&made))?;
    Ok(program)
}

impl Native {
    /// Asks a plugin, which is enabled, something by its webhook.
    pub(super) async fn ask(&self, api: &Api, plugin: &Plugin) -> Result<Answered> {
        let address = format!(
            "/plugin/{}/custom/{}/{}",
            plugin.id, plugin.token, self.path
        );
        let answer = api
            .ask(self.method.clone(), &address, self.body)
            .await
            .with_context(|| format!("{} does not answer", plugin.name))?;
        Ok(Answered {
            plugin: plugin.name.clone(),
            language: self.language,
            request: format!("{} {}", self.method, self.path),
            answer: serde_json::from_str(&answer).unwrap_or_else(|_| json!(answer)),
        })
    }
}

impl std::fmt::Display for Answered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} ({}, a process of its own): {} -> {}",
            self.plugin, self.language, self.request, self.answer
        )
    }
}
