r"""Output of the command line: lines, tables and errors, with control characters escaped.

Rich would interpret `[red]` in a name as markup and `:v:` as an emoji; a terminal would obey
control characters, which are printed as `\x1b` or `\n`.
"""

import sys
from typing import TYPE_CHECKING, Any, Final

from avme.io.escape import escape_text, shorten_middle

from .streams import is_terminal

if TYPE_CHECKING:
    from rich.console import Console

MOST_CHARACTERS: Final = 400
"""Maximum length of an error line."""
_MOST_OF_A_WORD: Final = 120


def print_line(text: object = "") -> None:
    """Print a result on one line."""
    print(escape_text(str(text)))


def print_parts(*parts: tuple[str, str]) -> None:
    """Print a line of parts, each with a rich style, which only terminals show."""
    from rich.text import Text

    line = Text.assemble(*((escape_text(text), style) for text, style in parts))
    verbatim().print(line, soft_wrap=True)


def print_text(text: str) -> None:
    """Print a multi-line text of avme's own that ends with a newline."""
    print(text, end="")


def print_error(line: str) -> None:
    """Print an error to standard error, red on a terminal, in at most 400 characters."""
    if not is_terminal(sys.stderr):
        print(shortened(line), file=sys.stderr, flush=True)
        return
    verbatim(stderr=True).print(shortened(line), style="red", soft_wrap=True)


def shortened(line: str) -> str:
    """Return one escaped line with its start, the ends of long paths, and its end."""
    line = escape_text(line)
    if len(line) > MOST_CHARACTERS:
        line = " ".join(_end_of(word) for word in line.split(" "))
    return shorten_middle(line, MOST_CHARACTERS)


def verbatim(*, stderr: bool = False, width: int | None = None, **options: Any) -> "Console":
    """Return a console on standard output or error; `width` None is that of the terminal."""
    from rich.console import Console
    from rich.text import Text

    class Verbatim(Console):
        """Console that escapes strings before rich measures and prints them."""

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(escape_text(text), **options)

    return Verbatim(
        stderr=stderr, width=width, markup=False, emoji=False, highlight=False, **options
    )


def _end_of(word: str) -> str:
    """Return the end of an argument; for a path the file name."""
    if len(word) <= _MOST_OF_A_WORD:
        return word
    return "..." + word[3 - _MOST_OF_A_WORD :]
