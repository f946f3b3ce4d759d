//! `mortise plugin doctor`: a plugin's problems and their fixes.

use std::process::ExitCode;

use owo_colors::Style;
use serde::Deserialize;
use serde_json::Value;

use super::{
    commands::Named,
    remote::understood,
    show::{line, paint, printable},
};

#[derive(Deserialize)]
struct Diagnosis {
    id: String,
    well: bool,
    status: Option<Status>,
    findings: Vec<Finding>,
}

/// The installed plugin.
#[derive(Deserialize)]
struct Status {
    contract: Option<String>,
}

#[derive(Deserialize)]
struct Finding {
    condition: String,
    severity: String,
    user: Option<String>,
    found: String,
    fix: String,
}

impl Named {
    /// Returns exit code 1 if the plugin does not work.
    pub(super) async fn doctor(&self) -> anyhow::Result<(String, ExitCode)> {
        let diagnosis: Value = self.which.remote()?.get(&self.path("/doctor")).await?;
        let Diagnosis {
            id,
            well,
            status,
            findings,
        } = understood(diagnosis.clone())?;
        let code = if well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
        if self.json {
            return Ok((format!("{diagnosis}\n"), code));
        }
        let (verdict, style) = if well {
            ("ok", Style::new().green().bold())
        } else {
            ("failed", Style::new().red().bold())
        };
        let mut text = format!("{} {}\n", paint(verdict, style), printable(&id));
        if let Some(contract) = status.and_then(|status| status.contract) {
            line(&mut text, "contract", &contract);
        }
        for finding in findings {
            let mut title = finding.condition.replace('_', " ");
            if let Some(user) = &finding.user {
                title = format!("{title}, for {}", printable(user));
            }
            let style = match finding.severity.as_str() {
                "problem" => Style::new().red(),
                _ => Style::new().yellow(),
            };
            text.push_str(&format!("\n{}\n", paint(&title, style)));
            line(&mut text, "found", &finding.found);
            line(&mut text, "fix", &finding.fix);
        }
        Ok((text, code))
    }
}
