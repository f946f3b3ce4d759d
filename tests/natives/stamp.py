"""A filter that adds its version to every title, and takes its time over those
that ask for it. Whoever builds it puts in an id and a version."""

import time

import mortise_plugin as m

ID = "@ID@"
VERSION = "@VERSION@"


class Stamp(m.Plugin):
    manifest = m.Manifest(
        id=ID,
        name="Stamp",
        version=VERSION,
        wants=[m.Want.filter_messages("It stamps them.")],
    )

    def defaults(self):
        return "note: none\n"

    def apply(self, config):
        if not config.startswith("note: "):
            raise m.Refused("it has no note")

    def filter(self, draft):
        if draft.content.body == "slow":
            print("slow", flush=True)
            time.sleep(1)
        content = draft.content
        stamped = f"{content.title}|{VERSION}"
        return m.Replace(m.Content(stamped, content.body, content.priority, content.extras))


if __name__ == "__main__":
    m.run(Stamp)
