"""Title of a figure: dataset, number of clips, run and main results.

It is drawn above the axes, wrapped to the width, and stored as `Title` in the PNG file.
"""

import textwrap
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from avme.io.escape import escape_text

_FONT_SIZES: Final = (9.0, 16.0)
"""Font sizes in points, of small and of large figures."""
_FONT_SIZE_PER_INCH: Final = 0.65
_CHARACTER_WIDTH: Final = 0.58
"""Mean width of a character of the default font, in units of its size."""
_LINE_SPACING: Final = 1.2
_POINTS_PER_INCH: Final = 72


def add_title(figure: Figure, title: str) -> None:
    """Set the title of a figure, one line or more, aligned with its left edge."""
    lines = _wrapped(title, figure.get_figwidth())
    figure.suptitle("\n".join(lines), fontsize=title_size(figure), x=0.01, ha="left")


def title_size(figure: Figure) -> float:
    """Return the font size of the title in points, readable if a large figure fits one screen."""
    return _size(figure.get_figwidth())


def title_lines(title: str, width: float) -> tuple[float, int]:
    """Return the height of a line of the title in inches, and the number of its lines.

    Args:
        title: Title.
        width: Width of the figure in inches.
    """
    return _LINE_SPACING * _size(width) / _POINTS_PER_INCH, len(_wrapped(title, width))


def _size(width: float) -> float:
    least, most = _FONT_SIZES
    return min(max(least, _FONT_SIZE_PER_INCH * width), most)


def _wrapped(title: str, width: float) -> list[str]:
    most = max(20, int(_POINTS_PER_INCH * width / (_CHARACTER_WIDTH * _size(width))))
    return [part for line in _shown(title).split("\n") for part in textwrap.wrap(line, most)]


def save_png(figure: Figure, path: Path, title: str, dpi: int) -> None:
    """Write the figure as PNG with its title in the metadata.

    Args:
        figure: Figure with a title.
        path: File to write.
        title: Title for the metadata.
        dpi: Dots per inch.
    """
    figure.savefig(path, dpi=dpi, format="png", metadata={"Title": _shown(title)})


def _shown(title: str) -> str:
    return escape_text(title, keep="\n")
