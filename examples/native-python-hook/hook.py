#!/usr/bin/env python3
"""Turns JSON that is posted to it into a message with a Markdown table."""

from mortise_plugin import Manifest, Plugin, Want, WebhookResponse, run

MARKDOWN = {"client::display": {"contentType": "text/markdown"}}


def rows(value, path=""):
    """The leaves of a JSON value, each with its path."""
    if isinstance(value, dict):
        return [row for name, item in value.items() for row in rows(item, f"{path}.{name}".lstrip("."))]
    if isinstance(value, list):
        return [row for i, item in enumerate(value) for row in rows(item, f"{path}[{i}]")]
    text = str(value).replace("|", "\\|").replace("\n", " ")
    return [f"| `{path}` | {text} |"]


class Hook(Plugin):
    manifest = Manifest(
        id="io.github.mortise-plugins.native-python-hook", name="JSON hook", version="1.0.0", license="MIT",
        wants=[Want.send_messages("Each payload becomes a message."), Want.webhook("Payloads are posted to it.")])

    def display(self, base_url):
        return f"    curl -d '{{\"disk\": 91}}' '{base_url or ''}{self.base_path or '…/'}?title=Backup&priority=5'"

    def handle(self, request):
        try:
            table = ["| | |", "| --- | --- |", *rows(request.json())]
            title, priority = (request.params().get(name, [""])[0] for name in ("title", "priority"))
            id = self.host.send("\n".join(table), title, int(priority or 4), MARKDOWN)
        except ValueError as error:
            return WebhookResponse.text(f"{error}\n", 400)
        return WebhookResponse.json({"id": id})


run(Hook)
