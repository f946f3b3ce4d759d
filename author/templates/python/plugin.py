"""{{title}}."""

# @if configurer filter
import dataclasses

# @end
# @if configurer
import mortise_config
# @end
import mortise_plugin as m

# @if filter webhook timer configurer
PREFIX = "[{{name}}] "
# @end
# @if configurer


@dataclasses.dataclass
class Config:
    """The user's configuration, in YAML."""

    prefix: str = PREFIX
# @end


class {{camel}}(m.Plugin):
    manifest = m.Manifest(
        id="{{id}}",
        name="{{title}}",
        version="0.1.0",
        description="Says what it does, in a sentence.",
        wants=[
            # @if filter
            m.Want.filter_messages("to put a prefix before titles"),
            # @end
            # @if listener
            m.Want.read_messages("to count messages"),
            # @end
            # @if webhook
            m.Want.webhook("to be told what to send"),
            # @end
            # @if timer
            m.Want.timers("to speak up every hour"),
            # @end
            # @if webhook timer
            m.Want.send_messages("to send what it was told, or on time"),
            # @end
        ],
    )
    # @if filter webhook timer configurer

    def __init__(self):
        self.prefix = PREFIX
    # @end
    # @if timer

    def start(self, user):
        self.host.timers.set("hourly", m.EveryMs(60 * 60 * 1000))
    # @end
    # @if configurer

    def defaults(self):
        return f'# Put before each title.\nprefix: "{PREFIX}"\n'

    def schema(self):
        return mortise_config.schema(Config)

    def apply(self, config):
        read = mortise_config.read(Config, config)
        if len(read.prefix) > 64:
            raise m.ConfigError(m.Problem("prefix", "write at most 64 characters"))
        self.prefix = read.prefix
    # @end
    # @if displayer

    def display(self, base_url):
        count = int(self.host.storage.get("count") or b"0")
        return f"# {{title}}\n\n{count} messages so far.\n"
    # @end
    # @if webhook

    def handle(self, request):
        id = self.host.send(request.text(), title=f"{self.prefix}webhook")
        return m.WebhookResponse.text(f"message {id}")
    # @end
    # @if filter

    def filter(self, draft):
        if draft.content.title.startswith(self.prefix):
            return m.Keep()
        return m.Replace(dataclasses.replace(draft.content, title=self.prefix + draft.content.title))
    # @end
    # @if listener

    def on_messages(self, messages):
        count = int(self.host.storage.get("count") or b"0") + len(messages)
        self.host.storage.set("count", str(count).encode())
    # @end
    # @if timer

    def on_timer(self, name):
        self.host.send("an hour has passed", title=f"{self.prefix}timer")
    # @end


m.run({{camel}})
