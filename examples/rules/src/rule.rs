//! Applies rules to a message. Does not use the host.

use mortise_plugin::types::{Content, Draft, Problem, Verdict};
use regex_lite::Regex;

use crate::config::{RuleConfig, Then, When};

/// The longest body that a rule may make of a shorter one.
const BODY_BYTES: usize = 64 << 10;
/// The longest title that a rule may make of a shorter one.
const TITLE_BYTES: usize = 1 << 10;

/// A compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    name: String,
    when: Conditions,
    then: Then,
    replace: Vec<(Regex, String)>,
    stop: bool,
}

#[derive(Debug)]
struct Conditions {
    application: Option<String>,
    title: Option<Regex>,
    body: Option<Regex>,
    contains: Option<String>,
    min_priority: i32,
    max_priority: i32,
}

impl Rule {
    /// Compiles all rules, or reports all their mistakes.
    pub(crate) fn compile_all(rules: Vec<RuleConfig>) -> Result<Vec<Self>, Vec<Problem>> {
        let mut problems = Vec::new();
        let compiled = rules
            .into_iter()
            .enumerate()
            .map(|(index, rule)| Self::compile(&format!("rules[{index}]"), rule, &mut problems))
            .collect();
        if problems.is_empty() {
            Ok(compiled)
        } else {
            Err(problems)
        }
    }

    /// Collects problems. Parts with problems are left out.
    fn compile(at: &str, rule: RuleConfig, problems: &mut Vec<Problem>) -> Self {
        let RuleConfig {
            name,
            when,
            mut then,
            stop,
        } = rule;
        let mut regex = |path: String, pattern: &str| {
            Regex::new(pattern)
                .map_err(|error| problems.push(Problem::new(path, error.to_string())))
                .ok()
        };
        let replace = std::mem::take(&mut then.replace)
            .into_iter()
            .enumerate()
            .filter_map(|(index, replace)| {
                let path = format!("{at}.then.replace[{index}].pattern");
                regex(path, &replace.pattern).map(|pattern| (pattern, replace.with))
            })
            .collect::<Vec<_>>();
        let When {
            application,
            title,
            body,
            contains,
            min_priority,
            max_priority,
        } = when;
        let when = Conditions {
            application,
            title: title.and_then(|pattern| regex(format!("{at}.when.title"), &pattern)),
            body: body.and_then(|pattern| regex(format!("{at}.when.body"), &pattern)),
            contains: contains.map(|text| text.to_lowercase()),
            min_priority: min_priority.unwrap_or(i32::MIN),
            max_priority: max_priority.unwrap_or(i32::MAX),
        };
        if when.min_priority > when.max_priority {
            problems.push(Problem::new(
                format!("{at}.when"),
                "no priority is at least `min_priority` and at most `max_priority`",
            ));
        }
        if then
            .priority
            .is_some_and(|priority| !(0..=10).contains(&priority))
        {
            problems.push(Problem::new(
                format!("{at}.then.priority"),
                "a priority is 0 to 10",
            ));
        }
        let does_nothing = !then.drop
            && !stop
            && replace.is_empty()
            && then.title.is_none()
            && then.prefix_title.is_none()
            && then.priority.is_none();
        if does_nothing && problems.is_empty() {
            problems.push(Problem::new(
                format!("{at}.then"),
                "the rule does nothing: give it `drop`, `title`, `prefix_title`, `replace` or `priority`",
            ));
        }
        Self {
            name,
            when,
            then,
            replace,
            stop,
        }
    }

    fn matches(&self, application: &str, content: &Content) -> bool {
        let Conditions {
            application: name,
            title,
            body,
            contains,
            min_priority,
            max_priority,
        } = &self.when;
        name.as_ref().is_none_or(|name| name == application)
            && (*min_priority..=*max_priority).contains(&content.priority)
            && title
                .as_ref()
                .is_none_or(|regex| regex.is_match(&content.title))
            && body
                .as_ref()
                .is_none_or(|regex| regex.is_match(&content.body))
            && contains.as_ref().is_none_or(|text| {
                content.title.to_lowercase().contains(text)
                    || content.body.to_lowercase().contains(text)
            })
    }

    fn change(&self, content: &mut Content) {
        let longest_title = TITLE_BYTES.max(content.title.len());
        let longest_body = BODY_BYTES.max(content.body.len());
        if let Some(title) = &self.then.title {
            content.title.clone_from(title);
        }
        for (pattern, with) in &self.replace {
            content.title = pattern.replace_all(&content.title, with).into_owned();
            content.body = pattern.replace_all(&content.body, with).into_owned();
        }
        if let Some(prefix) = &self.then.prefix_title {
            content.title.insert_str(0, prefix);
        }
        if let Some(priority) = self.then.priority {
            content.priority = priority;
        }
        cut(&mut content.title, longest_title);
        cut(&mut content.body, longest_body);
        if content.body.is_empty() {
            // A message needs a body, and the rule replaced all of it by
            // nothing.
            content.body.push('…');
        }
    }

    fn reason(&self) -> String {
        if self.name.is_empty() {
            "dropped by a rule without a name".to_owned()
        } else {
            format!("dropped by the rule `{}`", self.name)
        }
    }
}

fn cut(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}

/// Applies all rules to a message.
pub(crate) fn decide(rules: &[Rule], draft: Draft) -> Verdict {
    let mut content = draft.content.clone();
    for rule in rules {
        if !rule.matches(&draft.application.name, &content) {
            continue;
        }
        if rule.then.drop {
            return Verdict::Drop(rule.reason());
        }
        rule.change(&mut content);
        if rule.stop {
            break;
        }
    }
    if content == draft.content {
        Verdict::Keep
    } else {
        Verdict::Replace(content)
    }
}

#[cfg(test)]
mod tests {
    use mortise_plugin::{
        config::from_yaml,
        testing::draft,
        types::{Content, Problem, Verdict},
    };

    use super::{Rule, decide};
    use crate::config::Config;

    fn rules(yaml: &str) -> Result<Vec<Rule>, Vec<Problem>> {
        Rule::compile_all(from_yaml::<Config>(yaml)?.rules)
    }

    fn decided(yaml: &str, application: &str, title: &str, body: &str) -> Verdict {
        decide(
            &rules(yaml).unwrap(),
            draft(application, Content::new(title, body)),
        )
    }

    /// The default configuration without its comment signs.
    fn shown() -> String {
        let text = include_str!("default.yaml");
        let (_, example) = text.split_once("#\n").unwrap();
        example
            .replace("# ", "")
            .replace("#\n", "\n")
            .replace("rules: []", "")
    }

    #[test]
    fn the_example_shown_to_users_works() {
        let yaml = shown();
        assert_eq!(
            decided(&yaml, "backup", "Finished /home", "ok"),
            Verdict::Drop("dropped by the rule `no backup chatter`".into())
        );
        assert_eq!(
            decided(&yaml, "shell", "Finished /home", "from 192.0.2.17"),
            Verdict::Replace(Content::new("Finished /home", "from (address)"))
        );
        assert_eq!(
            decided(&yaml, "x", "Disk Full", "on /"),
            Verdict::Replace(Content::new("[disk] Disk Full", "on /").priority(9))
        );
        assert_eq!(decided(&yaml, "x", "other", "text"), Verdict::Keep);
    }

    #[test]
    fn later_rules_see_what_earlier_ones_did_until_one_stops() {
        let yaml = |stop| {
            format!(
                "rules:\n- then: {{title: a}}\n  stop: {stop}\n- when: {{title: ^a$}}\n  then: {{drop: true}}\n"
            )
        };
        assert!(matches!(
            decided(&yaml(false), "x", "t", "b"),
            Verdict::Drop(_)
        ));
        assert_eq!(
            decided(&yaml(true), "x", "t", "b"),
            Verdict::Replace(Content::new("a", "b"))
        );
    }

    #[test]
    fn what_it_makes_of_a_message_is_a_message() {
        let yaml = "rules:\n- then: {replace: [{pattern: '.', with: ''}]}\n";
        assert_eq!(
            decided(yaml, "x", "t", "b"),
            Verdict::Replace(Content::new("", "…"))
        );
        let yaml = "rules:\n- then: {replace: [{pattern: 'b', with: 'ääää'}]}\n";
        let Verdict::Replace(content) = decided(yaml, "x", "t", &"b".repeat(60_000)) else {
            panic!("it matches")
        };
        assert_eq!(content.body.len(), super::BODY_BYTES);
    }

    #[test]
    fn all_problems_are_told_with_their_place() {
        let problems = rules(
            "rules:\n\
             - when: {title: '('}\n  then: {replace: [{pattern: '[', with: x}], priority: 11}\n\
             - when: {min_priority: 3, max_priority: 2}\n  then: {drop: true}\n",
        )
        .unwrap_err();
        let paths: Vec<_> = problems
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "rules[0].then.replace[0].pattern",
                "rules[0].when.title",
                "rules[0].then.priority",
                "rules[1].when",
            ]
        );
        assert_eq!(
            rules("rules:\n- {}\n").unwrap_err()[0].path,
            "rules[0].then"
        );
        assert_eq!(
            rules("rules:\n- wen: {}\n").unwrap_err()[0].path,
            "rules[0].wen"
        );
    }
}
