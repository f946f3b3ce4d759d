#!/usr/bin/env python3
"""For the page's tests: a configuration with jq expressions, which it accepts if their brackets match."""

from mortise_plugin import ConfigError, Manifest, Plugin, Problem, run

SCHEMA = """{
  "type": "object",
  "properties": {
    "filter": {"type": "string", "title": "Filter", "format": "jq"},
    "named": {"type": "object", "title": "Named", "additionalProperties": {"$ref": "#/$defs/Code"}},
    "plain": {"type": "string", "title": "Plain"}
  },
  "$defs": {"Code": {"type": "string", "contentMediaType": "application/jq"}}
}"""

DEFAULTS = """filter: .title   # kept
named:
  backup: select(.priority > 4)
plain: text
"""


def matches(text):
    return text.count("(") == text.count(")")


class Expression(Plugin):
    manifest = Manifest(id="org.example.expression", name="Expression", version="1.0.0")

    def defaults(self):
        return DEFAULTS

    def schema(self):
        return SCHEMA

    def apply(self, config):
        wrong = []
        for line in config.splitlines():
            name, _, value = line.strip().partition(":")
            if not matches(value):
                path = "filter" if name == "filter" else f"named.{name}"
                wrong.append(Problem(path, "a bracket is not closed; write a closing one"))
        if wrong:
            raise ConfigError(*wrong)


run(Expression)
