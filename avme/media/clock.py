"""The clocks of pictures and sound: a frame rate, a length, and the sound that belongs to pictures.

Shape letters: t frames, n samples, s MFCC rows, f coefficients.
"""

from fractions import Fraction

import numpy as np
from jaxtyping import Float32, Float64

from avme.media import mfcc
from avme.media.demux import LONGEST_STEP_SECONDS, Demuxed, Sound
from avme.media.ffmpeg import SAMPLE_RATE_HZ

_FALLBACK_FPS = Fraction(25)
_FPS_TOLERANCE = 0.01


def frame_rate(claimed: Fraction | None, demuxed: Demuxed) -> Fraction:
    """The header's rate, exact as it is, unless what was decoded contradicts it."""
    if demuxed.average_fps is None:
        return claimed or _FALLBACK_FPS
    if claimed and any(
        measured is not None and abs(float(claimed / measured) - 1) <= _FPS_TOLERANCE
        for measured in (demuxed.average_fps, demuxed.usual_fps)
    ):
        return claimed
    return demuxed.average_fps.limit_denominator(100_000)


def shown_seconds(pts: Float64[np.ndarray, " t"], fps: Fraction) -> float:
    """How long pictures are shown; where the clock jumps ahead, the last one is not shown so long.

    Transport streams that were joined keep the clock of each part.
    """
    steps = np.diff(pts)
    return float(steps[steps <= LONGEST_STEP_SECONDS].sum()) + 1.0 / float(fps)


def heard_samples(track: Sound | None, end_seconds: float) -> np.ndarray:
    """The samples between the first picture and the end of the last one."""
    if track is None:
        return np.zeros(0, dtype=np.int16)
    first = max(0, round(-track.start_seconds * SAMPLE_RATE_HZ))
    last = max(0, round((end_seconds - track.start_seconds) * SAMPLE_RATE_HZ))
    return track.samples[first:last]


def sounding_mfcc(
    track: Sound, pts: Float64[np.ndarray, " t"], fps: Fraction, num_cepstra: int
) -> tuple[Float32[np.ndarray, "s f"], tuple[int, int]]:
    """The rows of all pictures, and which of them start inside the track: a half-open range."""
    starts = mfcc.row_starts(pts, fps) - track.start_seconds
    rows = mfcc.mfcc_rows(
        track.samples, SAMPLE_RATE_HZ, starts, mfcc.window_seconds(fps), num_cepstra
    )
    # Half a sample of grace: the clocks of sound and picture are rounded differently.
    grace = 0.5 / SAMPLE_RATE_HZ
    seconds = len(track.samples) / SAMPLE_RATE_HZ
    begin = int(np.searchsorted(starts, -grace, side="left"))
    end = int(np.searchsorted(starts, seconds - grace, side="left"))
    return rows, (begin, max(begin, end))
