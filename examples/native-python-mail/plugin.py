"""A listener that sends messages by mail. It speaks SMTP, for which components have
no sockets, so it is a native plugin.

`letter` writes the mails, and `tunnel` connects to the mail server. This file handles
failed deliveries.
"""

import json
import re
import smtplib
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import mortise_config
from letter import letter
from mortise_plugin import ConfigError, Manifest, Plugin, Problem, Refused, Want, run
from tunnel import connect

# The storage's key: the ids of the messages that were sent from a batch with a later
# failure. The host passes such a batch again as a whole. The last id would not be
# enough: a dead letter that its user has delivered again is older.
SENT = "sent"

# The seconds for deliveries in one call, and for each step of one. The host's own
# deadline is later.
BUDGET, TIMEOUT = 6.0, 3.0

MOST_RECIPIENTS = 20

DEFAULTS = """\
# The mail server. Empty sends nothing.
server = ""
# 587 for STARTTLS, 465 for TLS, 25 without encryption.
port = 587
# "starttls", "tls", or "none" for a server on this machine.
encryption = "starttls"
# The login, if the server needs one. The password is a secret.
user = ""
password = ""
# The addresses in the mail.
sender = ""
recipients = []
# Messages of a lower priority are not sent.
min_priority = 5
# Only messages of these applications. Without any: of all.
applications = []
"""
DESCRIPTIONS = {
    "server": "The mail server. Empty sends nothing.",
    "port": "587 for STARTTLS, 465 for TLS, 25 without encryption.",
    "encryption": "starttls, tls, or none for a server on this machine.",
    "user": "The login's name, if the server needs a login.",
    "password": "The login's password. It is a secret.",
    "sender": "The address in the mail's line From.",
    "recipients": "The addresses that receive the mail.",
    "min_priority": "Messages of a lower priority are not sent, 0 to 10.",
    "applications": "Only messages of these applications. Without any: of all.",
}
ENCRYPTION = ("starttls", "tls", "none")
ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


@dataclass
class Config:
    server: str = ""
    port: int = 587
    encryption: str = "starttls"
    user: str = ""
    password: str = ""
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    min_priority: int = 5
    applications: list[str] = field(default_factory=list)

    def problems(self):
        if not re.fullmatch(r"[\w.:-]*", self.server):
            yield Problem("server", "write the server's name, such as smtp.example.org")
        if not 1 <= self.port <= 65535:
            yield Problem("port", "write a number from 1 to 65535")
        if self.encryption not in ENCRYPTION:
            yield Problem("encryption", f"write one of {', '.join(ENCRYPTION)}")
        if self.password and not self.user:
            yield Problem("user", "write the name that belongs to the password")
        if self.password and self.encryption == "none":
            yield Problem("encryption", "write starttls or tls, because the password is a secret")
        if not 0 <= self.min_priority <= 10:
            yield Problem("min_priority", "write a number from 0 to 10")
        if len(self.recipients) > MOST_RECIPIENTS:
            yield Problem("recipients", f"write at most {MOST_RECIPIENTS} addresses")
        addresses = {f"recipients[{i}]": address for i, address in enumerate(self.recipients)}
        if self.server:
            addresses["sender"] = self.sender
            if not self.recipients:
                yield Problem("recipients", "write at least one address")
        for path, address in addresses.items():
            if not ADDRESS.fullmatch(address):
                yield Problem(path, "write an address such as ada@example.org")

    def wants(self, message):
        named = not self.applications or message.application.name in self.applications
        return named and message.content.priority >= self.min_priority


class Mail(Plugin):
    manifest = Manifest(
        id="io.mortise.mail",
        name="Mail",
        version="0.1.0",
        description="Sends messages by mail.",
        license="MIT OR Apache-2.0",
        wants=[
            Want.read_messages("to send the messages by mail"),
            Want.http("to connect to your mail server; granting only its host and port is enough", "*:*"),
        ],
    )

    def __init__(self):
        self.config = Config()

    def defaults(self):
        return DEFAULTS

    def schema(self):
        schema = json.loads(mortise_config.schema(Config))
        for name, text in DESCRIPTIONS.items():
            schema["properties"][name]["description"] = text
        schema["properties"]["password"] |= {"writeOnly": True, "format": "password"}
        schema["properties"]["encryption"]["enum"] = list(ENCRYPTION)
        return json.dumps(schema)

    def apply(self, config):
        config = mortise_config.read(Config, config)
        if problems := list(config.problems()):
            raise ConfigError(*problems)
        self.config = config

    def on_messages(self, messages):
        wanted = [message for message in messages if self.config.wants(message)]
        if not self.config.server or not wanted:
            return
        before, sent = json.loads(self.host.storage.get(SENT) or "[]"), []
        end = time.monotonic() + BUDGET
        try:
            with self.session() as session:
                for message in wanted:
                    if message.id not in before:
                        if time.monotonic() > end:
                            raise Refused("the mail server is slow; the other messages follow")
                        self.send(session, message)
                    sent.append(message.id)
        except (OSError, smtplib.SMTPException, Refused) as error:
            if sent:
                self.host.storage.set(SENT, json.dumps(sent))
            raise error if isinstance(error, Refused) else Refused(f"{self.config.server}: {described(error)}") from None

    @contextmanager
    def session(self):
        """A connection to the mail server, after the login."""
        config, tls = self.config, ssl.create_default_context()
        session = connect(config.server, config.port, TIMEOUT, tls if config.encryption == "tls" else None)
        try:
            if config.encryption == "starttls":
                session.starttls(context=tls)
            if config.user:
                session.login(config.user, config.password)
            yield session
            session.quit()
        finally:
            session.close()

    def send(self, session, message):
        """Sends one mail. If the server rejects it because of its content, the
        plugin logs and skips it, because it would hold up all others."""
        try:
            session.send_message(letter(message, self.config.sender, self.config.recipients))
        except smtplib.SMTPDataError as error:
            if error.smtp_code < 500:
                raise
            self.host.log(f"message {message.id} was rejected: {described(error)}", "warn")
        except smtplib.SMTPRecipientsRefused as error:
            # Of several addresses, the server rejected each.
            code, text = next(iter(error.recipients.values()))
            raise smtplib.SMTPResponseException(code, text) from None


def described(error):
    """An error in one line, without the login."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return f"{error.smtp_code} {' '.join(text.split())[:200]}"
    return str(error) or type(error).__name__


if __name__ == "__main__":
    run(Mail)
