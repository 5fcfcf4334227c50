"""Settings of decoding, and limits per clip."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of decoding."""

    ffmpeg: str
    jpeg_quality: int
    short_side: int | None
    num_cepstra: int
    silence_dbfs: float
    timeout_seconds: float
    """Time limit of each step: header, seeking, decoding."""
    max_seconds: float = math.inf
    max_bytes: int | None = None
    """Maximum size of the intermediate file."""
    memory_bytes: int | None = None
    """Memory limit of the process that reads the header, and of ffmpeg."""
    min_decoded_fraction: float = 0.0
    tonemap: bool = False
    """Convert HDR to BT.709; otherwise the curve is unchanged."""
    untagged_hd_is_bt709: bool = False
    """Read HD video without a tagged matrix as BT.709 instead of BT.601."""
    keep_audio: bool = True
    """Return the samples of audible clips."""
