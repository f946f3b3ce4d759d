"""A plugin with a configuration of a dataclass, for the tests."""

import dataclasses
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import mortise_config
import mortise_plugin as m


@dataclasses.dataclass
class Config:
    hosts: list[str] = dataclasses.field(default_factory=list)
    depth: int = 3


class Configured(m.Plugin):
    manifest = m.Manifest(id="test.configured", name="Configured", version="0.1.0")

    def __init__(self):
        self.config = Config()

    def defaults(self):
        return "depth: 3\n"

    async def apply(self, config):
        self.config = mortise_config.read(Config, config)

    def display(self, base_url):
        return repr(self.config)


if __name__ == "__main__":
    m.run(Configured)
