"""JSON as Markdown. Knows nothing of messages."""

import json

# A message's body may not become longer; what is left out is told.
LONGEST = 60_000


def render(data, depth):
    """Objects and lists as nested lists, with names in bold, down to a depth."""
    lines = []
    length = 0
    for line in _lines(data, depth, 0):
        length += len(line.encode("utf-8", "replace")) + 1
        if length > LONGEST:
            lines.append("- …")
            break
        lines.append(line)
    return "\n".join(lines)


def _lines(data, depth, level):
    indent = "  " * level
    if isinstance(data, dict):
        items = [(f"**{_escaped(str(name).replace('_', ' '))}**: ", item) for name, item in data.items()]
    else:
        items = [("", item) for item in data]
    for name, item in items:
        if isinstance(item, (dict, list)) and item:
            if level + 1 < depth:
                yield f"{indent}- {name.rstrip()}".rstrip()
                yield from _lines(item, depth, level + 1)
            else:
                yield f"{indent}- {name}`{json.dumps(item, ensure_ascii=False)}`"
        else:
            yield f"{indent}- {name}{_leaf(item)}"


def _leaf(value):
    if value is None or value in ({}, []):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        # An address stays one that can be clicked.
        if value.startswith(("http://", "https://")) and not any(c.isspace() or c in "<>" for c in value):
            return f"<{value}>"
        return _escaped(" ".join(value.split()))
    return str(value)


def _escaped(text):
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in text)
