"""The console that tables and sentences are printed on: what they hold appears as it is.

Rich would read `[red]` in a name as a colour and `:v:` in a sentence as a picture.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def verbatim(*, stderr: bool = False, width: int | None = None) -> "Console":
    """Of standard output or error; `width` None is that of the terminal."""
    from rich.console import Console

    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
