"""Limits per clip: duration, number of frames, temporary bytes.

The header is checked first, at no cost; decoded content is checked again.
"""

from pathlib import Path

from avme.errors import MediaError
from avme.media.ffmpeg.args import MAX_FRAMES


def require_max_duration(seconds: float | None, max_seconds: float) -> None:
    """Raise MediaError for a clip that is too long; None is an unknown length."""
    if seconds is not None and seconds > max_seconds:
        raise MediaError(
            f"lasts {seconds:.10g} s, more than max_seconds ({max_seconds:g}): cut it with `avme "
            "prep csv`",
            reason="too-long",
        )


def require_max_frames(num_frames: int) -> None:
    """Raise MediaError for too many frames."""
    if num_frames > MAX_FRAMES:
        raise MediaError(
            f"holds more than {MAX_FRAMES} frames: cut it with `avme prep csv`", reason="too-long"
        )


def require_max_bytes(intermediate: Path, max_bytes: int | None) -> None:
    """Raise MediaError if ffmpeg stopped writing because its output grew too large."""
    if max_bytes is not None and intermediate.stat().st_size >= max_bytes:
        raise MediaError(
            f"its frames take more than {max_bytes} bytes: cut it with `avme prep csv`, shrink it "
            "with short_side, or raise max_clip_gb",
            reason="too-large",
        )
