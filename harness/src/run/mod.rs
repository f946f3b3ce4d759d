//! Runs cases: sets up a plugin, does one step after the other, and compares
//! the results with the expected ones. A case ends at its first unexpected
//! result, because the later steps build on it.
//!
//! - this module: the sequence of cases.
//! - `stage`: the environment of a case, and its steps.
//! - `compare`: the differences.

mod compare;
mod shown;
mod stage;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use mortise_runtime::{Backend, LoadError, Loader, Plugin, PluginDescription, registry::loader_of};

use self::stage::Stage;
use crate::{
    case::{Case, Variables, plan::Plan, step::Action},
    report::{Difference, Failure, Outcome, Report, Result},
    web::Web,
};

/// A plugin to test.
#[derive(Clone)]
pub struct Suite {
    plugin: Arc<dyn Plugin>,
    file: PathBuf,
    loader: Arc<dyn Loader>,
    language: Option<String>,
    at_a_time: usize,
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Suite")
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}

/// The time to wait for the effects of a step, such as a native plugin's log,
/// or a message sent after the answer.
const SETTLING: Duration = Duration::from_secs(5);

impl Suite {
    /// Loads a plugin's file with the first loader that recognizes it.
    ///
    /// # Errors
    ///
    /// The report of the failed step.
    pub async fn load(
        file: &Path,
        loaders: &[Arc<dyn Loader>],
    ) -> std::result::Result<Self, LoadError> {
        let loader = Arc::clone(loader_of(file, loaders).await?);
        Ok(Self {
            plugin: loader.load(file).await?,
            file: file.to_owned(),
            loader,
            language: None,
            at_a_time: 1,
        })
    }

    /// Sets the plugin's language, for cases that exclude some languages.
    #[must_use]
    pub fn language(mut self, language: &str) -> Self {
        self.language = Some(language.to_owned());
        self
    }

    /// Sets the number of cases to run at a time. The default is one.
    #[must_use]
    pub fn at_a_time(mut self, number: usize) -> Self {
        self.at_a_time = number.max(1);
        self
    }

    /// The plugin.
    pub fn plugin(&self) -> &dyn Plugin {
        &*self.plugin
    }

    /// Runs all cases.
    pub async fn run(&self, cases: &[Case]) -> Report {
        let results = stream::iter(cases)
            .map(|case| self.result(case))
            .buffered(self.at_a_time)
            .collect()
            .await;
        Report {
            plugin: self.plugin.manifest().id.clone(),
            results,
        }
    }

    async fn result(&self, case: &Case) -> Result {
        let begin = Instant::now();
        let backend = self.plugin.backend();
        let outcome = match case.skipped(self.language.as_deref(), backend) {
            Some(because) => Outcome::Skipped(because.to_owned()),
            None => match self.attempt(case).await {
                Ok(()) => Outcome::Passed,
                Err(failure) => Outcome::Failed(failure),
            },
        };
        Result {
            case: case.name().to_owned(),
            file: case.file().to_owned(),
            line: case.line(),
            outcome,
            took: begin.elapsed(),
        }
    }

    /// Runs a case with its own process, if the plugin is native.
    async fn attempt(&self, case: &Case) -> std::result::Result<(), Box<Failure>> {
        if self.plugin.backend() == Backend::Wasm {
            return run(&*self.plugin, case).await;
        }
        let described = PluginDescription::of(&*self.plugin);
        match self.loader.load_again(&self.file, &described).await {
            Ok(plugin) => run(&*plugin, case).await,
            Err(error) => Err(failed_to(case, "load the plugin", error.to_string())),
        }
    }
}

/// Runs one case against a loaded plugin. If the plugin is native, its process
/// may have served earlier cases.
///
/// # Errors
///
/// The first step with an unexpected result.
pub async fn run(plugin: &dyn Plugin, case: &Case) -> std::result::Result<(), Box<Failure>> {
    let folder =
        tempfile::tempdir().map_err(|error| failed_to(case, "make a folder", error.to_string()))?;
    let web = Web::bind()
        .await
        .map_err(|error| failed_to(case, "listen on loopback", error.to_string()))?;
    let [http, other] = web.addresses();
    let plan = case
        .plan(&Variables::new(folder.path(), http, other))
        .map_err(|error| failed_to(case, "read the case", error.to_string()))?;
    write_files(&plan, folder.path())
        .map_err(|error| failed_to(case, "write its files", error.to_string()))?;
    let web = web.answer(&plan.http);
    let mut stage = Stage::set(plugin, &plan, web, folder.path())
        .await
        .map_err(|error| failed_to(case, "set up the plugin", error))?;
    let outcome = steps(&mut stage, &plan, case).await;
    stage.clear().await;
    outcome
}

async fn steps(
    stage: &mut Stage<'_>,
    plan: &Plan,
    case: &Case,
) -> std::result::Result<(), Box<Failure>> {
    let failure = |stage: &Stage<'_>, at: String, line: u64, differences| {
        Box::new(Failure {
            at,
            line,
            differences,
            log: stage.last_entries(),
        })
    };
    if plan.start {
        let outcome = stage.act(&Action::Start).await;
        if let Some(error) = outcome.error {
            let differences = vec![Difference::new("error", "none", error.full())];
            return Err(failure(stage, "start".to_owned(), case.line(), differences));
        }
    }
    for (number, step) in plan.steps.iter().enumerate() {
        let (line, step) = (step.referenced.line(), &step.value);
        let at = || format!("step {}, {}", number + 1, step.action.name());
        let settling = match step.action {
            Action::Wait(most) => most,
            _ => SETTLING,
        };
        let outcome = stage.act(&step.action).await;
        let mut differences = outcome.compare(&step.expect.answer);
        if differences.is_empty() {
            differences = stage.settle(&step.expect.effects, settling).await;
        }
        if !differences.is_empty() {
            return Err(failure(stage, at(), line, differences));
        }
        stage.pass();
    }
    stage.look_back();
    let differences = stage.settle(&plan.expect.effects, SETTLING).await;
    if differences.is_empty() {
        return Ok(());
    }
    Err(failure(
        stage,
        "in the end".to_owned(),
        case.line(),
        differences,
    ))
}

fn write_files(plan: &Plan, folder: &Path) -> std::io::Result<()> {
    for (path, content) in &plan.files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, &content.0)?;
    }
    Ok(())
}

/// The reason for which a case could not begin.
fn failed_to(case: &Case, what: &str, why: String) -> Box<Failure> {
    Box::new(Failure {
        at: "before the first step".to_owned(),
        line: case.line(),
        differences: vec![Difference::new(what, "no error", why)],
        log: Vec::new(),
    })
}
