#!/usr/bin/env python3
"""For the page's tests: a configuration with jq expressions, which it accepts if their brackets match, and a
list of items with a required field."""

from mortise_plugin import ConfigError, Manifest, Plugin, Problem, run

SCHEMA = """{
  "type": "object",
  "properties": {
    "filter": {"type": "string", "title": "Filter", "format": "jq"},
    "named": {"type": "object", "title": "Named", "additionalProperties": {"$ref": "#/$defs/Code"}},
    "plain": {"type": "string", "title": "Plain"},
    "times": {"type": "array", "title": "Times", "items": {"$ref": "#/$defs/Time"}}
  },
  "$defs": {
    "Code": {"type": "string", "contentMediaType": "application/jq"},
    "Time": {
      "type": "object",
      "required": ["at"],
      "properties": {"at": {"type": "string", "title": "At", "pattern": "^[0-9:]*$"}}
    }
  }
}"""

DEFAULTS = """filter: .title   # kept
named:
  backup: select(.priority > 4)
plain: text
"""


def matches(text):
    return text.count("(") == text.count(")")


class Form(Plugin):
    manifest = Manifest(id="org.example.form", name="Form", version="1.0.0")

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


run(Form)
