#!/usr/bin/env python3
"""For the page's tests: each string that a plugin can give is hostile."""

from mortise_plugin import Drop, Header, Keep, Manifest, Plugin, Want, WebhookResponse, run

HTML = "<img src=x onerror=\"window.hostile=1\"><script>window.hostile=1</script><b>bold</b>"
MARKDOWN = f"""# {HTML}

[click](javascript:window.hostile=1) [data](data:text/html,<script>window.hostile=1</script>)

![svg](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9IndpbmRvdy5ob3N0aWxlPTEiIHhtbG5zPSJodHRwOi8vd3d3LnczLm9yZy8yMDAwL3N2ZyIvPg==)

<svg onload="window.hostile=1"><script>window.hostile=1</script></svg>
<iframe srcdoc="<script>parent.hostile=1</script>"></iframe>
<form action="/auth/logout" method="post"><button>Press me</button></form>
<style>body {{ display: none }}</style>
<a href="https://example.org/" style="position:fixed;inset:0" onclick="window.hostile=1">everywhere</a>
<div id="root" class="overlay" style="position:fixed;inset:0;background:red">over everything</div>
<math><mtext></mtext><mglyph><style><img src=x onerror="window.hostile=1"></style></mglyph></math>
"""


SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" data-cookie="denied" onload="try { document.documentElement.setAttribute('data-cookie', document.cookie || window.top.localStorage.length) } catch (e) {}">
<script>try { document.documentElement.setAttribute('data-cookie', document.cookie) } catch (e) {}</script>
<rect width="100" height="100"/></svg>"""


class Hostile(Plugin):
    manifest = Manifest(
        id="org.example.hostile", name="Hostile <img src=x onerror='window.hostile=1'>", version="1.0.0", author=HTML, license=HTML,
        description=HTML, website="https://example.org/\"><script>window.hostile=1</script>",
        wants=[Want.filter_messages(HTML), Want.webhook(HTML), Want.send_messages(HTML)])

    def start(self, user):
        self.host.log(f"{HTML}\x1b[31m\u202e{HTML}")

    def defaults(self):
        return f"# {HTML}\nvalue: \"<b>\"\n"

    def schema(self):
        return """{"type": "object", "title": "<img src=x onerror='window.hostile=1'>", "properties": {"value":
            {"type": "string", "title": "<img src=x onerror='window.hostile=1'>",
             "description": "<script>window.hostile=1</script>"}}}"""

    def apply(self, config):
        pass

    def filter(self, draft):
        return Drop(f"hostile reason {HTML}") if "hostile drop" in draft.content.body else Keep()

    def display(self, base_url):
        return MARKDOWN

    def handle(self, request):
        if request.path.endswith("image.svg"):
            return WebhookResponse(200, [Header("content-type", "image/svg+xml")], SVG)
        return WebhookResponse(200, [Header("content-type", "text/html")],
                               b"<script>try { parent.document; document.cookie; window.hostile = document.cookie }"
                               b" catch (e) { document.title = 'sandboxed' }</script><h1>Webhook</h1>")


run(Hostile)
