"""Windows of samples at any starts; outside the audio they are zero.

Shape letters: n samples, s rows, l samples of a window.
"""

import math

import numpy as np
from jaxtyping import Float64, Int16, Int64
from numpy.lib.stride_tricks import sliding_window_view


def window_length(window_seconds: float, sample_rate_hz: int) -> int:
    """Return the samples of a window, at least one."""
    return max(1, math.floor(window_seconds * sample_rate_hz + 0.5))


def first_samples(
    row_starts_seconds: Float64[np.ndarray, " s"], sample_rate_hz: int
) -> Int64[np.ndarray, " s"]:
    """Return the sample nearest to each time after the first sample."""
    return np.floor(row_starts_seconds * sample_rate_hz + 0.5).astype(np.int64)


def read_windows(
    samples: Int16[np.ndarray, " n"], first: Int64[np.ndarray, " s"], length: int
) -> Int16[np.ndarray, "s l"]:
    """Return windows of samples.

    Args:
        samples: Audio, which may be memory-mapped.
        first: First sample of each window; may be outside the audio.
        length: Samples of a window.
    """
    windows = np.zeros((len(first), length), dtype=np.int16)
    within = (first >= 0) & (first + length <= len(samples))
    if within.any():
        windows[within] = sliding_window_view(samples, length)[first[within]]
    partly = ~within & (first + length > 0) & (first < len(samples))
    for row in np.flatnonzero(partly):
        begin, end = max(0, int(first[row])), min(len(samples), int(first[row]) + length)
        at = begin - int(first[row])
        windows[row, at : at + end - begin] = samples[begin:end]
    return windows
