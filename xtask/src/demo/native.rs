//! The examples that run as processes of their own, beside the components. They
//! are built with what their authors use; where that is not installed the demo
//! says so and goes on without.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    api::{Api, Plugin},
    go, python,
    run::say,
    workspace::Workspace,
};

/// One of them.
pub(super) struct Native {
    /// Its folder among the examples.
    folder: &'static str,
    pub(super) id: &'static str,
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
        id: "github.com/mortise-plugins/mortise/examples/native-go-uptime",
        language: "Go",
        build: build_go,
        method: Method::GET,
        path: "status",
        body: None,
    },
    Native {
        folder: "native-python-hook",
        id: "io.github.mortise-plugins.native-python-hook",
        language: "Python",
        build: build_python,
        method: Method::POST,
        path: "?title=disk",
        body: Some(r#"{"disk":{"used":91}}"#),
    },
];

/// The answer of one native plugin.
#[derive(Debug, Serialize)]
pub(super) struct Answered {
    plugin: String,
    language: &'static str,
    request: String,
    answer: Value,
}

/// Builds the examples that this machine can build, and reports the others.
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

fn build_python(workspace: &Workspace, folder: &str) -> Result<PathBuf> {
    let file = format!("examples/{folder}/hook.py");
    let source = fs::read_to_string(workspace.root.join(&file))
        .with_context(|| format!("{file} cannot be read"))?;
    say(format_args!("building examples/{folder}"));
    python::build(workspace, folder, &source)
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
