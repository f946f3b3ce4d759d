"""The collected messages in the storage, each under a key of its own."""

import json
from dataclasses import asdict, dataclass

PREFIX = "message/"
# The number of the last message that a digest contained. One write of it takes
# all messages up to this number out of the collection, so that a crash cannot
# take out a part of them.
SENT = "sent"

# A longer message is no material for a digest.
LONGEST = 4 << 10
# More is collected only until the digest is sent.
MOST_BYTES = 512 << 10
MOST_MESSAGES = 1000


@dataclass
class Entry:
    """The collected part of a message."""

    application: str
    title: str
    body: str
    link: str = ""

    @classmethod
    def of(cls, draft):
        content = draft.content
        return cls(draft.application.name, content.title, content.body, _link(content.extras))

    def text(self):
        """Its lines in the digest."""
        parts = [f"{self.title}: {self.body}" if self.title else self.body, self.link]
        lines = "\n".join(part for part in parts if part).splitlines()
        return "\n".join(["- " + lines[0], *("  " + line for line in lines[1:])])


class Collection:
    def __init__(self, storage):
        self.storage = storage
        # The stored texts by the messages' numbers.
        self.stored = {}
        self.last = 0

    def load(self):
        """Reads the storage. An instance may be new at any time."""
        self.last = int(self.storage.get(SENT) or 0)
        self.stored = {}
        for key in self.storage.keys(PREFIX):
            number = int(key.removeprefix(PREFIX))
            if number > self.last:
                self.stored[number] = self.storage.get(key)
            else:
                self.storage.remove(key)
        self.last = max(self.stored, default=self.last)

    def add(self, entry):
        """Stores an entry. False if it is too long, or if the collection has no
        room for it."""
        stored = json.dumps(asdict(entry), ensure_ascii=False).encode()
        room = len(self.stored) < MOST_MESSAGES and self.bytes() + len(stored) <= MOST_BYTES
        if len(stored) > LONGEST or not room:
            return False
        self.storage.set(f"{PREFIX}{self.last + 1:012}", stored)
        self.last += 1
        self.stored[self.last] = stored
        return True

    def bytes(self):
        return sum(map(len, self.stored.values()))

    def is_full(self, most):
        return len(self.stored) >= most or self.bytes() + LONGEST > MOST_BYTES

    def entries(self):
        """The entries, oldest first."""
        return [Entry(**json.loads(stored)) for _, stored in sorted(self.stored.items())]

    def clear(self):
        self.storage.set(SENT, str(self.last))
        sent, self.stored = self.stored, {}
        for number in sent:
            self.storage.remove(f"{PREFIX}{number:012}")


def render(entries):
    """The digest's text: the messages of each application."""
    groups = {}
    for entry in entries:
        groups.setdefault(entry.application, []).append(entry.text())
    return "\n\n".join("\n".join([f"{name} ({len(texts)})", *texts]) for name, texts in groups.items())


def _link(extras):
    """The link that a tap on the message opens."""
    try:
        url = json.loads(extras or "{}")["client::notification"]["click"]["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return url if isinstance(url, str) else ""
