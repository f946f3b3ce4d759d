"""Tests of `mortise_config`, with the host's part as the transports do it."""

import contextvars
import dataclasses
import json
import pathlib
import sys
import unittest
from typing import Optional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_mortise_plugin import Failed, Host

import mortise_config
from mortise_plugin import ConfigError, _configuration


@dataclasses.dataclass
class Config:
    name: str
    depth: int = 3
    share: float = 0.5
    note: Optional[str] = None
    hosts: list[str] = dataclasses.field(default_factory=list)
    levels: dict[str, int] = dataclasses.field(default_factory=dict)


def applied(text, value=None):
    """Reads a text in a call of ``apply`` in which the host has this value for it."""

    def call():
        _configuration.offer(text, lambda: value)
        return mortise_config.read(Config, text)

    return contextvars.copy_context().run(call)


class Reading(unittest.TestCase):
    def refused(self, text, value=None):
        with self.assertRaises(ConfigError) as raised:
            applied(text, value)
        return [(problem.path, problem.text) for problem in raised.exception.problems]

    def test_yaml_is_what_the_host_read(self):
        value = {"name": "a", "share": 1, "note": None, "hosts": ["b"], "levels": {"c": 1}}
        read = applied("name: a  # and others\n", json.dumps(value))
        self.assertEqual(read, Config("a", 3, 1.0, None, ["b"], {"c": 1}))

    def test_toml_and_json_need_no_host(self):
        self.assertEqual(mortise_config.read(Config, 'name = "a: b"\n'), Config("a: b"))
        self.assertEqual(mortise_config.read(Config, '{"name": "a", "depth": 1}'), Config("a", 1))

    def test_toml_that_is_a_mapping_in_yaml_too_is_toml(self):
        self.assertEqual(applied('name = "a: b"', '{"name = \\"a": "b\\""}'), Config("a: b"))

    def test_comments_alone_leave_the_defaults(self):
        self.assertEqual(self.refused("# nothing\n", "{}"), [("name", "is missing")])

    def test_a_text_that_is_neither_says_so(self):
        for value in (None, "[1]"):
            ((path, text),) = self.refused("name a\n", value)
            self.assertEqual(path, "")
            self.assertRegex(text, "neither a mapping in YAML.*line 1")

    def test_another_text_than_the_one_applied_is_not_the_hosts(self):
        def call():
            _configuration.offer("name: a", lambda: '{"name": "a"}')
            return mortise_config.load("name: b")

        with self.assertRaises(ConfigError):
            contextvars.copy_context().run(call)

    def test_problems_have_their_places(self):
        value = {"name": 1, "hosts": ["a", None], "levels": [], "surplus": True}
        found = dict(self.refused("name: 1", json.dumps(value)))
        self.assertEqual(found["name"], "1 is not text")
        self.assertEqual(found["hosts[1]"], "null is not text")
        self.assertEqual(found["levels"], "[] is not a mapping")
        self.assertIn("there is no such field", found["surplus"])


class Native(unittest.TestCase):
    def test_a_process_reads_the_value_of_the_call(self):
        host = Host(self, "configured")
        host.create(1)
        text = "hosts: [a]\n"
        self.assertIsNone(host.call("configurer.apply", 1, config=text, value='{"hosts": ["a"]}'))
        self.assertIn("hosts=['a']", host.call("displayer.display", 1, base_url=None))
        # That of the call before is not this one's.
        with self.assertRaises(Failed) as caught:
            host.call("configurer.apply", 1, config=text)
        self.assertIn("neither a mapping in YAML", caught.exception.text)
        self.assertIsNone(host.call("configurer.apply", 1, config="depth = 4\n", value=None))
        self.assertIn("depth=4", host.call("displayer.display", 1, base_url=None))


if __name__ == "__main__":
    unittest.main()
