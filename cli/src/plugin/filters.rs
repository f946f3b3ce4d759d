//! `mortise plugin filters`: the order of a user's filters, the messages that each is asked
//! about, and the fate of a message when one fails.

use anyhow::Context as _;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    application::{self, Application},
    named::{self, candidates},
    remote::{Body, Remote, Which, understood},
    show::{printable, table},
};

/// The order of the filters, and the messages that they are asked about.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A message passes your filters in the order of this list. If a filter fails, the message continues
without it (fail open). With --fail-closed, the server rejects the message instead, and its sender
receives an error. A filter sees the messages of all your applications. With --only, it sees those
of the named applications.

Examples:
  mortise plugin filters
  mortise plugin filters --order rules shout
  mortise plugin filters --fail-closed rules
  mortise plugin filters --only rules=backup,ci
  mortise plugin filters --only 'rules=*'")]
pub(super) struct Filters {
    /// Put these filters first, in this order.
    #[arg(long, value_name = "ID", num_args = 1..)]
    order: Vec<String>,
    /// Reject messages while one of these filters fails.
    #[arg(long, value_name = "ID", num_args = 1..)]
    fail_closed: Vec<String>,
    /// Let messages continue when one of these filters fails.
    #[arg(long, value_name = "ID", num_args = 1..)]
    fail_open: Vec<String>,
    /// Let a filter see only the messages of these applications; `*` means all.
    #[arg(long, value_name = "ID=APP,...", num_args = 1..)]
    only: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A filter of the user.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    id: i64,
    module_path: String,
    name: String,
    enabled: bool,
    at_work: bool,
    fail_closed: bool,
    applications: Option<Vec<i64>>,
}

/// A filter's place: its position in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Choice {
    id: i64,
    fail_closed: bool,
}

impl Filters {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        const PATH: &str = "/plugin/filters";
        let remote = self.which.remote()?;
        let mut answer: Value = remote.get(PATH).await?;
        if !(self.order.is_empty() && self.fail_closed.is_empty() && self.fail_open.is_empty()) {
            let choices = self.choices(understood(answer)?)?;
            let body = Body::Json(serde_json::to_value(choices)?);
            answer = remote.send(Method::PUT, PATH, body).await?;
        }
        if !self.only.is_empty() {
            self.choose_applications(&remote, &understood::<Vec<Filter>>(answer)?)
                .await?;
            answer = remote.get(PATH).await?;
        }
        if self.json {
            return Ok(format!("{answer}\n"));
        }
        let filters: Vec<Filter> = understood(answer)?;
        let applications = match filters.iter().any(|filter| filter.applications.is_some()) {
            true => application::all(&remote).await?,
            false => Vec::new(),
        };
        if filters.is_empty() {
            return Ok("no installed plugin is a filter\n".to_owned());
        }
        let mut table = table(&["", "plugin", "name", "state", "messages of", "if it fails"]);
        for (at, filter) in filters.iter().enumerate() {
            table.add_row([
                (at + 1).to_string(),
                printable(&filter.module_path),
                printable(&filter.name),
                filter.state().to_owned(),
                filter.messages_of(&applications),
                match filter.fail_closed {
                    true => "the message is rejected",
                    false => "the message continues",
                }
                .to_owned(),
            ]);
        }
        Ok(format!("{table}\n"))
    }

    /// Has the filters of `--only` asked about the messages of the named applications alone.
    async fn choose_applications(&self, remote: &Remote, filters: &[Filter]) -> anyhow::Result<()> {
        let known = application::all(remote).await?;
        let mut choices = Vec::with_capacity(self.only.len());
        for choice in &self.only {
            let (part, names) = choice.split_once('=').with_context(|| {
                format!("`{choice}` names no applications; write it as `rules=backup,ci`")
            })?;
            let filter = filters
                .get(position(filters, part)?)
                .map_or(0, |filter| filter.id);
            let chosen = match names.trim() {
                "*" => None,
                names => Some(
                    names
                        .split(',')
                        .map(|name| application::named(&known, name.trim()))
                        .collect::<anyhow::Result<Vec<_>>>()?,
                ),
            };
            choices.push((filter, chosen));
        }
        for (filter, applications) in choices {
            let path = format!("/plugin/{filter}/filter/applications");
            let body = Body::Json(json!({ "applications": applications }));
            remote.send(Method::PUT, &path, body).await?;
        }
        Ok(())
    }

    /// All filters in the new order.
    fn choices(&self, mut filters: Vec<Filter>) -> anyhow::Result<Vec<Choice>> {
        for (parts, fail_closed) in [(&self.fail_closed, true), (&self.fail_open, false)] {
            for part in parts {
                let at = position(&filters, part)?;
                if let Some(filter) = filters.get_mut(at) {
                    filter.fail_closed = fail_closed;
                }
            }
        }
        for (place, part) in self.order.iter().enumerate() {
            let at = position(&filters, part)?;
            anyhow::ensure!(at >= place, "`{part}` is named twice in --order");
            if let Some(moved) = filters.get_mut(place..=at) {
                moved.rotate_right(1);
            }
        }
        let choices = filters.into_iter().map(|filter| Choice {
            id: filter.id,
            fail_closed: filter.fail_closed,
        });
        Ok(choices.collect())
    }
}

/// The position of the filter whose id has this part.
fn position(filters: &[Filter], part: &str) -> anyhow::Result<usize> {
    let ids = filters.iter().map(|filter| filter.module_path.clone());
    let ids: Vec<_> = ids.collect();
    let id = named::find(part, &ids)?;
    ids.iter()
        .position(|known| Some(known.as_str()) == id)
        .with_context(|| match ids.as_slice() {
            [] => format!("`{part}` is not one of your filters: no installed plugin is a filter"),
            ids => format!("`{part}` is not one of your filters: {}", candidates(ids)),
        })
}

impl Filter {
    /// The names of the applications whose messages it is asked about.
    fn messages_of(&self, known: &[Application]) -> String {
        let Some(chosen) = &self.applications else {
            return "all applications".to_owned();
        };
        let names = known.iter().filter(|one| chosen.contains(&one.id));
        let names: Vec<_> = names.map(|one| printable(&one.name)).collect();
        match names.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        }
    }

    const fn state(&self) -> &'static str {
        match (self.enabled, self.at_work) {
            (_, true) => "at work",
            (true, false) => "enabled, not at work",
            (false, false) => "disabled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Filters};

    fn filters(names: &[&str]) -> Vec<Filter> {
        let named = names.iter().zip(1..).map(|(name, id)| Filter {
            id,
            module_path: format!("org.example.{name}"),
            name: (*name).to_owned(),
            enabled: true,
            at_work: true,
            fail_closed: false,
            applications: None,
        });
        named.collect()
    }

    fn chosen(order: &[&str], closed: &[&str]) -> anyhow::Result<Vec<(i64, bool)>> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let order = Filters {
            order: texts(order),
            fail_closed: texts(closed),
            fail_open: Vec::new(),
            only: Vec::new(),
            which: crate::plugin::Which::default(),
            json: false,
        };
        let choices = order.choices(filters(&["one", "two", "three"]))?;
        Ok(choices
            .iter()
            .map(|choice| (choice.id, choice.fail_closed))
            .collect())
    }

    #[test]
    fn named_filters_come_first_and_the_others_keep_their_order() {
        let plain = |ids: [i64; 3]| ids.map(|id| (id, false)).to_vec();
        assert_eq!(chosen(&["three"], &[]).unwrap(), plain([3, 1, 2]));
        assert_eq!(chosen(&["two", "one"], &[]).unwrap(), plain([2, 1, 3]));
        assert_eq!(
            chosen(&[], &["two"]).unwrap(),
            [(1, false), (2, true), (3, false)]
        );
        assert!(chosen(&["one", "one"], &[]).is_err());
        let unknown = chosen(&["four"], &[]).unwrap_err().to_string();
        assert!(
            unknown.ends_with(": org.example.one, org.example.two, org.example.three"),
            "{unknown}"
        );
        let several = chosen(&[], &["example"]).unwrap_err().to_string();
        assert!(several.contains("3 ids: org.example.one, "), "{several}");
    }
}
