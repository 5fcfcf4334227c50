"""Parts of messages: the first of many names, an error on one line."""

from collections.abc import Iterable
from itertools import islice


def some_of(
    names: Iterable[str], most: int = 3, *, count: int | None = None, separator: str = ", "
) -> str:
    """Join the first few names, with "..." if there are more.

    Args:
        names: All names, or the first ones.
        most: Maximum number of names to show.
        count: Number of all names, if `names` has the first ones only.
        separator: Text between names.
    """
    first = list(islice(names, most + 1))
    shown = first[:most]
    if (len(first) if count is None else count) > len(shown):
        shown.append("...")
    return separator.join(shown)


def one_line(error: BaseException) -> str:
    """Return the text of an error without line breaks: its lines, joined by semicolons."""
    lines = (line.strip() for line in str(error).splitlines())
    return "; ".join(filter(None, lines))
