r"""Escaping of untrusted text for terminals, logs and pages.

Names of classes, clips and tensors, and messages about them, may hold characters that move the
cursor, change the writing direction or begin a line. Each such character becomes its escape
(`\x1b`, `\n`, `\u202e`); all other text, Chinese names included, is unchanged. Escaped text is not
escaped again.
"""

import re
from typing import Final

_CONTROL: Final = "\x00-\x1f\x7f-\x9f"
_BREAKS: Final = "\u2028\u2029"
_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN: Final = "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_SURROGATES: Final = "\ud800-\udfff"
CONTROLS: Final = f"{_CONTROL}{_BREAKS}{_BIDI}{_UNSEEN}{_SURROGATES}"
"""Escaped characters, as the inside of a character class of a regular expression."""
_ESCAPED: Final = re.compile(f"[{CONTROLS}]")
_FORMULA: Final = (*"=+-@\t\r\n", *map(chr, (0xFF1D, 0xFF0B, 0xFF0D, 0xFF20)))
"""First characters of a formula; the last four are the full-width forms of the first four."""
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_GAP: Final = " ... "
_IN_JSON: Final = re.compile(f"[\x7f-\x9f{_BREAKS}{_BIDI}{_UNSEEN}{_SURROGATES}]")


def escape_text(text: str, *, keep: str = "") -> str:
    """Return the text with all control characters escaped except those in `keep`."""
    if text.isprintable() and text.isascii():
        return text
    return _ESCAPED.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def escape_json(text: str) -> str:
    """Return JSON of equal value whose strings contain no literal control characters.

    Lone surrogates, which no JSON reader accepts, become their escape as text.
    """
    return _IN_JSON.sub(lambda found: _in_json(found[0]), text)


def escape_formula(cell: object) -> object:
    """Return a cell that a spreadsheet shows as text instead of running it: `'=1+1`.

    Numbers, and text that is a number, are unchanged.
    """
    if not isinstance(cell, str) or not cell.startswith(_FORMULA) or _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}"


def shorten_middle(text: str, most: int) -> str:
    """Return at most `most` characters of the text: its start, " ... " and its end."""
    if len(text) <= most:
        return text
    begin = (most - len(_GAP)) * 3 // 5
    return text[:begin] + _GAP + text[len(text) - (most - len(_GAP) - begin) :]


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _in_json(character: str) -> str:
    if _SURROGATES[0] <= character <= _SURROGATES[-1]:
        return f"\\{_escaped(character)}"
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
