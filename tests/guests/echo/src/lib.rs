//! A filter that gives each message back as it came: one record in, one out,
//! and nothing between. The benchmarks call it.

use mortise_plugin::prelude::*;

struct Echo;

impl Plugin for Echo {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.test.echo", "Echo")
            .version(env!("CARGO_PKG_VERSION"))
            .wants(Permission::FilterMessages, "to give messages back")
    }

    fn new(_context: Context) -> Self {
        Self
    }
}

impl Filter for Echo {
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String> {
        Ok(Verdict::Replace(draft.content))
    }
}

mortise_plugin::export!(Echo: Filter);
