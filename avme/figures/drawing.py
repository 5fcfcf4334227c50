"""Drawing that cannot fail a stage: a figure, or a warning."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from avme.io.atomic import replacing
from avme.message_text import one_line
from avme.progress import Reporter


def draw_or_warn(path: Path, draw: Callable[[Path], object], report: Reporter) -> bool:
    """Write a figure with `draw`, atomically; return False if that fails.

    On failure the figure is reported and an older one at `path` is deleted.

    Args:
        path: File to write.
        draw: Function that writes a figure to a path.
        report: Receives the warning.
    """
    try:
        with replacing(path) as temporary:
            draw(temporary)
    except Exception as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        report.log(not_drawn(str(path), error))
        return False
    return True


def not_drawn(name: str, error: Exception) -> str:
    """Return the warning for a figure that failed."""
    reason = one_line(error)
    what = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    return f"warning: {name} was not drawn ({what}): all else is complete"
