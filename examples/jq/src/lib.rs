//! A filter with a jq program for each application in its configuration. A
//! program changes or drops messages, so users need not write a plugin.
//!
//! `config` has the configuration, and `message` turns a message into a value
//! and back. The crate `jq-program` compiles and runs a program. This file
//! connects them to the host.

mod config;
mod message;

use jq_program::Programs;
use mortise_plugin::prelude::*;

use crate::config::Config;

struct Jq {
    context: Context,
    programs: Programs,
}

impl Plugin for Jq {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.jq", "jq")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Rewrites and drops messages by jq programs that you write.")
            .license(env!("CARGO_PKG_LICENSE"))
            .wants(
                Permission::FilterMessages,
                "to pass messages to your programs and store the results",
            )
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            programs: Programs::default(),
        }
    }
}

impl Configurer for Jq {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        self.programs = config.compile()?;
        self.context
            .debug(format!("{} programs in use", self.programs.names().len()));
        Ok(())
    }

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }
}

impl Filter for Jq {
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String> {
        let Some((key, program)) = self.programs.get(&draft.application.name) else {
            return Ok(Verdict::Keep);
        };
        let input = message::input(&draft)?;
        match program.first(input) {
            Ok(output) => message::verdict(output, key, draft.content),
            Err(error) => Err(error),
        }
        .map_err(|error| format!("the program of `{key}`: {error}"))
    }
}

mortise_plugin::export!(Jq: Configurer, Filter);
