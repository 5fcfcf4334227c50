r"""Markdown of untrusted text: names of classes, datasets and files stay text.

Control characters become escapes such as `\u202e`, and characters with a meaning in Markdown or
HTML are preceded by a backslash or become entities.
"""

import re
from collections.abc import Sequence
from typing import Final

from avme.io.escape import escape_text

_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]()#+\-.!|~$^=:@]")
_BARE_PIPE: Final = re.compile(r"(?<!\\)\|")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def as_text(text: object) -> str:
    """Return text that Markdown shows as it is, on one line."""
    shown = escape_text(str(text))
    marked = _SPECIAL.sub(lambda found: f"\\{found[0]}", shown)
    for character, entity in _ENTITIES.items():
        marked = marked.replace(character, entity)
    return marked


def as_code(text: object) -> str:
    """Return a code span; a fence longer than any run of backticks in the text surrounds it."""
    shown = escape_text(str(text))
    fence = "`" * (_longest_run(shown) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def as_code_block(lines: Sequence[str], language: str = "sh") -> str:
    """Return a fenced code block of lines."""
    shown = [escape_text(line) for line in lines]
    fence = "`" * max(3, max(map(_longest_run, shown), default=0) + 1)
    return "\n".join((f"{fence}{language}", *shown, fence))


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row is its header; cells are Markdown already."""
    header, *body = rows
    lines = [header, ["---"] * len(header), *body]
    lines = [[_BARE_PIPE.sub(r"\\|", cell) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
