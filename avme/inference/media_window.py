"""One view of a media file, and which views of it are wanted.

Shape letters: t frames, h and w pixels, c colors, s MFCC rows, f coefficients, n samples.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int16, UInt8
from torch import Tensor

from avme.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """Windows and crops of a file.

    Without `segments` and `stride_seconds`, a file of up to a minute has 5 windows, evenly spaced
    as in `avme eval`, and a longer one has windows that follow each other.

    Raises UsageError if both or impossible numbers are given.
    """

    segments: int | None = None
    """Number of windows, evenly spaced; those of a short file that are equal count once."""
    stride_seconds: float | None = None
    """Time from the start of a window to that of the next one."""
    crops: int = 1
    """Square crops along the longer side: the center one, or 2 or 3."""

    def __post_init__(self) -> None:
        if self.segments is not None and self.stride_seconds is not None:
            raise UsageError("segments and stride exclude each other (got both): give one")
        if self.segments is not None and self.segments < 1:
            raise UsageError(f"segments: expected at least 1 (got {self.segments})")
        if self.stride_seconds is not None and not 0.0 < self.stride_seconds < 1e9:
            raise UsageError(
                f"stride: expected a number of seconds above 0 (got {self.stride_seconds:g})"
            )
        if not 1 <= self.crops <= 3:
            raise UsageError(f"crops: expected 1 to 3 (got {self.crops})")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaWindow:
    """One view of a file: a window in one crop, with its audio."""

    index: int
    """Number of the window, from 0; all crops of a window have the same."""
    start_seconds: float
    """Time of its first frame after the first frame of the file."""
    end_seconds: float
    """End of its last frame; a frame that is repeated beyond the end of the file does not count."""
    fps: float
    frames: UInt8[Tensor, "t h w c"]
    """RGB, 0 to 255, resized and cropped."""
    mfcc: Float[Tensor, "s f"]
    """Normalized by the statistics of the model; zero where not valid."""
    audio_valid: Bool[Tensor, " s"]
    """Rows with audio; no row without audible audio."""
    samples: Int16[np.ndarray, " n"] | None
    """Audio of the window at 16 kHz; None without audible audio."""
