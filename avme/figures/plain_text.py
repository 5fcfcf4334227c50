"""Plain text in figures: no formulas between `$`, no control characters.

A glyph that the font lacks is drawn as a box, without a warning for each.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import matplotlib as mpl

from avme.io.escape import escape_text

_MOST_CHARACTERS: Final = 40


def shown_name(name: str) -> str:
    """Return a name for an axis: escaped, at most 40 characters."""
    text = escape_text(name)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."


@contextmanager
def plain_text() -> Iterator[None]:
    """Draw text literally inside the block or the decorated function.

    Building and saving of a figure both belong inside: some ticks are created on saving.
    """
    with (
        mpl.rc_context({"text.parse_math": False, "text.usetex": False}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield
