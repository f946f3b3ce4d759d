//! A filter that changes and drops messages by rules in its configuration.
//!
//! `config` has the configuration, and `rule` applies the rules. This file
//! connects them to the host.

mod config;
mod rule;

use mortise_plugin::prelude::*;

use crate::{config::Config, rule::Rule};

struct Rules {
    context: Context,
    rules: Vec<Rule>,
}

impl Plugin for Rules {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.rules", "Rules")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Rewrites and drops messages by rules that you write.")
            .license(env!("CARGO_PKG_LICENSE"))
            .wants(
                Permission::FilterMessages,
                "to rewrite or drop the messages that your rules match",
            )
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            rules: Vec::new(),
        }
    }
}

impl Configurer for Rules {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        self.rules = Rule::compile_all(config.rules)?;
        self.context
            .debug(format!("{} rules in use", self.rules.len()));
        Ok(())
    }

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }
}

impl Filter for Rules {
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String> {
        Ok(rule::decide(&self.rules, draft))
    }
}

mortise_plugin::export!(Rules: Configurer, Filter);
