//! A filter with a jq program for each application in its configuration. A
//! program changes or drops messages, so users need not write a plugin.
//!
//! `config` has the configuration, `program` compiles and runs a program,
//! `message` turns a message into a value and back. This file connects them to
//! the host.

mod config;
mod message;
mod program;

use std::collections::BTreeMap;

use mortise_plugin::prelude::*;

use crate::{
    config::{Config, EVERY},
    program::Program,
};

struct Jq {
    context: Context,
    programs: BTreeMap<String, Program>,
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
            programs: BTreeMap::new(),
        }
    }
}

impl Configurer for Jq {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        self.programs = config.compile()?;
        self.context
            .debug(format!("{} programs in use", self.programs.len()));
        Ok(())
    }

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }
}

impl Filter for Jq {
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String> {
        let name = draft.application.name.as_str();
        let own = self.programs.get_key_value(name);
        let Some((key, program)) = own.or_else(|| self.programs.get_key_value(EVERY)) else {
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
