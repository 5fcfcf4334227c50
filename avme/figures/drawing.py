"""A picture, or a warning: figures come last, and none is worth the results that it shows."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from avme.io.atomic import replacing
from avme.progress import Reporter


def draw_or_warn(path: Path, draw: Callable[[Path], object], report: Reporter) -> bool:
    """Write a picture with `draw`, whole or not at all; return False where it fails.

    The report then names the picture, and an older one in its place is deleted.
    """
    try:
        with replacing(path) as temporary:
            draw(temporary)
    except Exception as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        report.say(not_drawn(str(path), error))
        return False
    return True


def not_drawn(name: str, error: Exception) -> str:
    """Return the warning of a picture that failed."""
    reason = " ".join(str(error).split())
    what = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    return f"warning: {name} was not drawn ({what}): all else is complete"
