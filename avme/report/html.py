"""HTML elements as text: names and values are data, never markup."""

import json
from html import escape
from typing import Any, Final

from avme.io.escape import escape_text

_VOID: Final = frozenset({"br", "col", "img", "input", "meta", "source", "line", "rect", "path"})
_IN_SCRIPT: Final = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
Text = str | int | float


class Markup(str):
    """Finished HTML, which `element` takes over unchanged; any other text is escaped."""

    __slots__ = ()


def element(name: str, /, *content: Text, **attributes: Text | bool | None) -> Markup:
    """Return an element of HTML or SVG.

    Args:
        name: Name of the element.
        content: Text, which is escaped, and finished elements.
        attributes: Attributes; `_` in a name stands for `-`, a trailing one is dropped. None and
            False leave the attribute out.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        named = key.rstrip("_").replace("_", "-")
        parts.append(named if value is True else f'{named}="{text(value, quote=True)}"')
    opening = f"<{' '.join(parts)}>"
    if name in _VOID and not content:
        return Markup(opening[:-1] + "/>")
    return Markup(f"{opening}{''.join(map(_inside, content))}</{name}>")


def join(*parts: str) -> Markup:
    """Join elements and text."""
    return Markup("".join(map(_inside, parts)))


def text(value: Text, *, quote: bool = False) -> str:
    """Escape text for an element, or with `quote` for an attribute, without control characters."""
    return escape(escape_text(str(value), keep="\n"), quote=quote)


def data_script(identifier: str, value: Any) -> Markup:
    """Return JSON as a block of data, which no browser executes.

    Args:
        identifier: Attribute `id` of the block.
        value: Plain value.
    """
    content = json.dumps(value, separators=(",", ":"), allow_nan=False).translate(_IN_SCRIPT)
    return Markup(
        f'<script type="application/json" id="{text(identifier, quote=True)}">{content}</script>'
    )


def _inside(part: Text) -> str:
    return part if isinstance(part, Markup) else text(part)
