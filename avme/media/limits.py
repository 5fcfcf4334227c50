"""How much of everything one clip may take: seconds, pictures, room on the disk.

A header is looked at first, as it costs nothing; what was decoded is looked at again.
"""

from pathlib import Path

from avme.errors import MediaError
from avme.media.ffmpeg.args import MAX_FRAMES


def require_length(seconds: float | None, max_seconds: float) -> None:
    """Raises MediaError for a clip that is too long; None is one that does not say."""
    if seconds is not None and seconds > max_seconds:
        raise MediaError(
            f"goes on for {seconds:.10g} s, more than max_seconds ({max_seconds:g}): "
            "cut it with `avme prep csv`",
            reason="too-long",
        )


def require_few(num_frames: int) -> None:
    """Raises MediaError for more pictures than anybody wants of one clip."""
    if num_frames > MAX_FRAMES:
        raise MediaError(
            f"holds more than {MAX_FRAMES} pictures: cut it with `avme prep csv`", reason="too-long"
        )


def require_room(intermediate: Path, max_bytes: int | None) -> None:
    """Raises MediaError where ffmpeg stopped writing because its output grew too large."""
    if max_bytes is not None and intermediate.stat().st_size >= max_bytes:
        raise MediaError(
            f"its pictures take more than {max_bytes} bytes: cut it with `avme prep csv`, "
            "shrink it with short_side, or raise max_clip_gb",
            reason="too-large",
        )
