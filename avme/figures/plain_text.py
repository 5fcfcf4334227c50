"""Names and titles on figures as they are: no formula between `$`, no control character.

A glyph that the font lacks is drawn as a box, without a warning for each of them.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import matplotlib as mpl

from avme.io.escape import escape_text

_MOST_CHARACTERS: Final = 40


def shown_name(name: str) -> str:
    """Return a name as it stands beside an axis: escaped, and of at most 40 characters."""
    text = escape_text(name)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."


@contextmanager
def plain_text() -> Iterator[None]:
    """Inside the block, or the function that it decorates, draw text letter by letter.

    Both the building and the saving of a figure belong into it: some ticks are made on saving.
    """
    with (
        mpl.rc_context({"text.parse_math": False, "text.usetex": False}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield
