//! The lifecycle of the code behind an instance, for every backend: it is made,
//! configured, and started.

use crate::{
    CallError, Capabilities, Capability,
    contract::export::{self, Export, Needs},
    limits,
};

/// The stage of code that was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// True if its configuration was applied, or if it has none.
    pub configured: bool,
    /// True if it was started.
    pub started: bool,
}

impl Stage {
    /// Returns true if a call with these needs can be made.
    pub const fn meets(self, needs: Needs) -> bool {
        match needs {
            Needs::Made => true,
            Needs::Configured => self.configured,
            Needs::Started => self.started,
        }
    }
}

/// Code that was made, with the calls that bring it further.
pub trait Code: Send {
    /// Returns its capabilities.
    fn capabilities(&self) -> Capabilities;

    /// Returns its stage.
    fn stage(&mut self) -> &mut Stage;

    /// Calls `configurer.defaults`.
    fn defaults(&mut self) -> impl Future<Output = Result<String, CallError>> + Send;

    /// Calls `configurer.apply`. Rejected configurations are [`CallError::Config`].
    fn apply(&mut self, config: &str) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Calls `lifecycle.start`.
    fn start(&mut self) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Brings code to the stage that a call needs. It applies this configuration, or the
/// plugin's defaults if there is none.
///
/// A plugin that rejects its own defaults is not started with them, but calls that need
/// no started instance are made all the same.
///
/// # Errors
///
/// The error of the first call that failed. The stage tells how far the code came.
pub async fn bring_up<C: Code>(
    code: &mut C,
    needs: Needs,
    config: Option<&str>,
) -> Result<(), CallError> {
    if needs != Needs::Made && !code.stage().configured {
        code.stage().configured = if code.capabilities().contains(Capability::Configurer) {
            match configure(code, config).await {
                Ok(()) => true,
                Err(CallError::Config(_)) if needs != Needs::Started && config.is_none() => false,
                Err(error) => return Err(error),
            }
        } else {
            true
        };
    }
    if needs == Needs::Started && !code.stage().started {
        if code.capabilities().contains(Capability::Lifecycle) {
            code.start().await?;
        }
        code.stage().started = true;
    }
    Ok(())
}

async fn configure<C: Code>(code: &mut C, config: Option<&str>) -> Result<(), CallError> {
    if let Some(config) = config {
        return code.apply(config).await;
    }
    let defaults = bounded(
        &export::DEFAULTS,
        code.defaults().await?,
        limits::CONFIG_BYTES,
    )?;
    code.apply(&defaults).await
}

/// Returns a plugin's text, unless it is longer than allowed.
///
/// # Errors
///
/// [`CallError::BadAnswer`].
pub fn bounded(export: &Export, text: String, most: usize) -> Result<String, CallError> {
    if text.len() <= most {
        Ok(text)
    } else {
        Err(CallError::BadAnswer {
            call: export.name,
            what: format!("{} bytes, more than {most}", text.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Stage, bring_up};
    use crate::{
        CallError, Capabilities, Capability,
        contract::{export::Needs, types::Problem},
        limits,
    };

    /// Records its calls. Rejects the configuration `bad`.
    #[derive(Debug, Default)]
    struct Recorder {
        capabilities: Capabilities,
        stage: Stage,
        defaults: String,
        calls: Vec<String>,
        refuses_start: bool,
    }

    impl Code for Recorder {
        fn capabilities(&self) -> Capabilities {
            self.capabilities
        }

        fn stage(&mut self) -> &mut Stage {
            &mut self.stage
        }

        async fn defaults(&mut self) -> Result<String, CallError> {
            self.calls.push("defaults".into());
            Ok(self.defaults.clone())
        }

        async fn apply(&mut self, config: &str) -> Result<(), CallError> {
            self.calls.push(format!("apply {config}"));
            match config {
                "bad" => Err(CallError::Config(vec![Problem {
                    path: String::new(),
                    text: "bad".into(),
                }])),
                _ => Ok(()),
            }
        }

        async fn start(&mut self) -> Result<(), CallError> {
            self.calls.push("start".into());
            match self.refuses_start {
                true => Err(CallError::Refused("not today".into())),
                false => Ok(()),
            }
        }
    }

    fn recorder(defaults: &str) -> Recorder {
        Recorder {
            capabilities: [Capability::Configurer, Capability::Lifecycle]
                .into_iter()
                .collect(),
            defaults: defaults.into(),
            ..Recorder::default()
        }
    }

    #[tokio::test]
    async fn code_is_configured_and_then_started_once() {
        let mut code = recorder("defaults");
        bring_up(&mut code, Needs::Made, None).await.unwrap();
        assert!(code.calls.is_empty());
        bring_up(&mut code, Needs::Configured, None).await.unwrap();
        assert_eq!(code.calls, ["defaults", "apply defaults"]);
        for _ in 0..2 {
            bring_up(&mut code, Needs::Started, None).await.unwrap();
            assert_eq!(code.calls, ["defaults", "apply defaults", "start"]);
        }
        let mut code = recorder("defaults");
        bring_up(&mut code, Needs::Started, Some("own"))
            .await
            .unwrap();
        assert_eq!(code.calls, ["apply own", "start"]);
        // Code that exports neither is started all the same.
        let mut code = Recorder::default();
        bring_up(&mut code, Needs::Started, Some("own"))
            .await
            .unwrap();
        assert!(code.calls.is_empty());
        assert!(code.stage.configured && code.stage.started);
    }

    #[tokio::test]
    async fn rejected_defaults_keep_code_from_its_start_only() {
        let mut code = recorder("bad");
        bring_up(&mut code, Needs::Configured, None).await.unwrap();
        assert_eq!(code.stage, Stage::default());
        let error = bring_up(&mut code, Needs::Started, None).await.unwrap_err();
        assert!(matches!(error, CallError::Config(_)), "{error}");
        // A user's own configuration is no default.
        let error = bring_up(&mut code, Needs::Configured, Some("bad")).await;
        assert!(matches!(error, Err(CallError::Config(_))), "{error:?}");
        let mut code = recorder(&"x".repeat(limits::CONFIG_BYTES + 1));
        let error = bring_up(&mut code, Needs::Configured, None)
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::BadAnswer { .. }), "{error}");
        assert_eq!(code.calls, ["defaults"]);
    }

    #[tokio::test]
    async fn a_refused_start_leaves_code_configured() {
        let mut code = Recorder {
            refuses_start: true,
            ..recorder("defaults")
        };
        bring_up(&mut code, Needs::Started, None).await.unwrap_err();
        assert!(code.stage.configured && !code.stage.started);
    }
}
