"""A filter that turns messages whose body is JSON into readable Markdown.

`markdown` knows how JSON is shown, this file what is done to a message.
"""

import json
from dataclasses import dataclass, field, replace

import mortise_config
from markdown import render
from mortise_plugin import Keep, Manifest, Plugin, Replace, Want, run

TITLES = ["title", "summary", "subject", "event"]
DEFAULTS = f"""\
# Messages of these applications are made readable; ["*"] is all of them.
applications = ["*"]
# A field of the JSON whose text becomes the title, if the message has none: the
# first that is there.
titles = {json.dumps(TITLES)}
# What lies deeper stays JSON.
depth = 3
"""

MARKDOWN = {"contentType": "text/markdown"}


@dataclass
class Config:
    """What the user writes."""

    applications: list[str] = field(default_factory=lambda: ["*"])
    titles: list[str] = field(default_factory=lambda: list(TITLES))
    depth: int = 3


class Readable(Plugin):
    manifest = Manifest(
        id="io.mortise.readable",
        name="Readable",
        version="0.1.0",
        description="Turns messages whose body is JSON into readable Markdown.",
        license="MIT OR Apache-2.0",
        wants=[Want.filter_messages("to rewrite the messages whose body is JSON")],
    )

    def __init__(self):
        self.config = Config()

    def defaults(self):
        return DEFAULTS

    def schema(self):
        return mortise_config.schema(Config)

    def apply(self, config):
        self.config = mortise_config.read(Config, config)

    def filter(self, draft):
        content = draft.content
        if not {"*", draft.application.name} & set(self.config.applications):
            return Keep()
        # Most messages are no JSON: this is told without reading them.
        if not content.body.lstrip().startswith(("{", "[")):
            return Keep()
        try:
            data = json.loads(content.body)
            extras = json.loads(content.extras or "{}")
        except (ValueError, RecursionError):
            return Keep()
        title = content.title
        if not title and isinstance(data, dict):
            texts = (data.get(name) for name in self.config.titles)
            title = next((text for text in texts if text and isinstance(text, str)), "")
        body = render(data, self.config.depth)
        if not body:
            return Keep()
        extras["client::display"] = MARKDOWN
        return Replace(replace(content, title=title[:200], body=body, extras=json.dumps(extras)))


run(Readable)
