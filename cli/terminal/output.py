"""The one place that prints: lines, tables and errors, with all that could be obeyed escaped.

Rich would read `[red]` in a name as a colour and `:v:` in a sentence as a picture; a terminal would
move its cursor. What is printed appears as it is, control characters as `\\x1b` or `\\n`.
"""

import sys
from typing import TYPE_CHECKING, Any, Final

from avme.io.escape import escape_text, shorten_middle

from .streams import is_terminal

if TYPE_CHECKING:
    from rich.console import Console

MOST_CHARACTERS: Final = 400
"""Of a line that says what went wrong."""
_MOST_OF_A_WORD: Final = 120


def print_line(text: object = "") -> None:
    """Print a result, which takes one line whatever it holds."""
    print(escape_text(str(text)))


def print_parts(*parts: tuple[str, str]) -> None:
    """Print a line of parts, each with a style of rich's, which only terminals show."""
    from rich.text import Text

    line = Text.assemble(*((escape_text(text), style) for text, style in parts))
    verbatim().print(line, soft_wrap=True)


def print_text(text: str) -> None:
    """Print text of avme's own that has many lines and ends with a line break."""
    print(text, end="")


def print_error(line: str) -> None:
    """Print to standard error what went wrong, red on a terminal, in at most 400 characters."""
    if not is_terminal(sys.stderr):
        print(shortened(line), file=sys.stderr, flush=True)
        return
    verbatim(stderr=True).print(shortened(line), style="red", soft_wrap=True)


def shortened(line: str) -> str:
    """Return one escaped line that keeps its beginning, the ends of long paths, and its end."""
    line = escape_text(line)
    if len(line) > MOST_CHARACTERS:
        line = " ".join(_end_of(word) for word in line.split(" "))
    return shorten_middle(line, MOST_CHARACTERS)


def verbatim(*, stderr: bool = False, width: int | None = None, **options: Any) -> "Console":
    """A console on standard output or error; `width` None is that of the terminal."""
    from rich.console import Console
    from rich.text import Text

    class Verbatim(Console):
        """Escapes strings where rich takes them: for their width and for their text."""

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(escape_text(text), **options)

    return Verbatim(
        stderr=stderr, width=width, markup=False, emoji=False, highlight=False, **options
    )


def _end_of(word: str) -> str:
    """The end of a word, which of a path is the name of the file."""
    if len(word) <= _MOST_OF_A_WORD:
        return word
    return "..." + word[3 - _MOST_OF_A_WORD :]
