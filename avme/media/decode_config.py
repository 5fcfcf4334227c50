"""How clips are turned into pictures and MFCC, and what that may take."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """How clips are turned into pictures and MFCC."""

    ffmpeg: str
    jpeg_quality: int
    short_side: int | None
    num_cepstra: int
    silence_dbfs: float
    timeout_seconds: float
    """For every step: reading the header, looking up a cut, decoding."""
    max_seconds: float = math.inf
    max_bytes: int | None = None
    """Of the intermediate file."""
    memory_bytes: int | None = None
    """Of the process that reads the header, and of ffmpeg's."""
    min_decoded: float = 0.0
    tonemap: bool = False
    """Whether HDR pictures are converted to BT.709; they keep their curve otherwise."""
    untagged_hd_is_bt709: bool = False
    """Whether HD pictures without a tagged matrix are read as BT.709, else as BT.601."""
