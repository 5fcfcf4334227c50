"""MFCC of audio, aligned with the video: four rows per frame.

The recipe is python_speech_features' (26 filters, pre-emphasis 0.97, lifter 22, c0 = log energy,
rectangular window, int16 scale), as called by TalkNet. The hop is not: psf rounds the hop to whole
samples, which at 29.97 fps drifts by seconds per hour. Here each row has its own exact start.

A row has the same bits whichever rows are computed with it, if the first one is a multiple of
ROW_GROUP: BLAS rounds a product of matrices by their shape, so that rows are multiplied in groups.

Shape letters: t frames, n samples, s MFCC rows, f coefficients, l samples of a window, k bins of
the spectrum, b filters.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
from einops import rearrange
from jaxtyping import Float32, Float64, Int16, Int64
from python_speech_features import base, sigproc
from scipy.fftpack import dct

from avme.audio.windows import first_samples, read_windows, window_length
from avme.config.clip import ROWS_PER_FRAME

SAMPLE_RATE_HZ: Final = 16_000
"""Sample rate of all audio of a dataset."""
ROW_GROUP: Final = 32
"""Rows of one product of matrices."""
_WINDOW_SECONDS_AT_25_FPS = 0.025
_NUM_FILTERS = 26
_PREEMPHASIS = 0.97
_LIFTER = 22
_SMALLEST_FFT = 512
_BLOCK_ROWS = 1024
# Beyond these the window of a wrong header would be absurd.
_SLOWEST_FPS, _FASTEST_FPS = Fraction(1), Fraction(400)


def row_starts(
    pts: Float64[np.ndarray, " t"], fps: Fraction, last_seconds: float | None = None
) -> Float64[np.ndarray, " s"]:
    """Return the start of each row: the time of frame i and its three quarters.

    Args:
        pts: Times of the frames.
        fps: Frame rate.
        last_seconds: Duration of the last frame, by default one frame of `fps`.
    """
    last = 1.0 / float(fps) if last_seconds is None else last_seconds
    durations = np.append(np.diff(pts), last)
    quarters = np.arange(ROWS_PER_FRAME) / ROWS_PER_FRAME
    return np.asarray((pts[:, None] + durations[:, None] * quarters).reshape(-1))


def window_seconds(fps: Fraction) -> float:
    """Return the length of the analysis window: 25 ms at 25 fps, proportional to a frame's."""
    return _WINDOW_SECONDS_AT_25_FPS * 25.0 / float(min(max(fps, _SLOWEST_FPS), _FASTEST_FPS))


def sample_range(
    sample_rate_hz: int, row_starts_seconds: Float64[np.ndarray, " s"], window_seconds: float
) -> tuple[int, int]:
    """Return the half-open range of samples that rows read, at least one row.

    It includes the sample before the first window, for pre-emphasis, and may exceed the audio.

    Args:
        sample_rate_hz: Sample rate.
        row_starts_seconds: Starts of the windows after the first sample.
        window_seconds: Length of the windows.
    """
    first = first_samples(row_starts_seconds, sample_rate_hz)
    return int(first.min()) - 1, int(first.max()) + window_length(window_seconds, sample_rate_hz)


def mfcc_rows(
    samples: Int16[np.ndarray, " n"],
    sample_rate_hz: int,
    row_starts_seconds: Float64[np.ndarray, " s"],
    window_seconds: float,
    num_cepstra: int,
) -> Float32[np.ndarray, "s f"]:
    """Return the MFCC of windows; outside the audio they read zeros, as psf's last window.

    Args:
        samples: Audio.
        sample_rate_hz: Its sample rate.
        row_starts_seconds: Starts of the windows after the first sample.
        window_seconds: Length of the windows.
        num_cepstra: Coefficients per row.
    """
    length = window_length(window_seconds, sample_rate_hz)
    num_bins = max(_SMALLEST_FFT, 1 << (length - 1).bit_length())
    filters = _filters(num_bins, sample_rate_hz)
    first = first_samples(row_starts_seconds, sample_rate_hz)
    rows = np.empty((len(first), num_cepstra), dtype=np.float32)
    block_rows = max(ROW_GROUP, _BLOCK_ROWS * _SMALLEST_FFT // num_bins)
    for begin in range(0, len(first), block_rows):
        block = slice(begin, begin + block_rows)
        windows = _windows(samples, first[block], length)
        rows[block] = _cepstra(windows, num_bins, filters, num_cepstra)
    return rows


def describe_recipe(num_cepstra: int) -> dict[str, float | int | str]:
    """Return the settings of the MFCC, for users of a model without avme."""
    return {
        "library": "python_speech_features",
        "num_cepstra": num_cepstra,
        "num_filters": _NUM_FILTERS,
        "preemphasis": _PREEMPHASIS,
        "lifter": _LIFTER,
        "first_coefficient": "log energy",
        "window": "rectangular",
        "window_seconds_times_fps": _WINDOW_SECONDS_AT_25_FPS * 25.0,
        "hop": f"{ROWS_PER_FRAME} rows per source frame, at its time and its quarters",
        "smallest_fft": _SMALLEST_FFT,
        "samples": "mono, 16 bits",
    }


def _windows(
    samples: Int16[np.ndarray, " n"], first: Int64[np.ndarray, " s"], length: int
) -> Float64[np.ndarray, "s l"]:
    """Return windows of the pre-emphasized samples; the first sample has none before it."""
    # One more in front: pre-emphasis of a window's first sample uses the one before it.
    raw = read_windows(samples, first - 1, length + 1)
    windows = raw[:, 1:] - _PREEMPHASIS * raw[:, :-1]
    ending = np.flatnonzero(first + length > len(samples))
    for row in ending:  # nothing to emphasize after the last sample
        windows[row, max(0, len(samples) - int(first[row])) :] = 0.0
    return np.asarray(windows)


@lru_cache(maxsize=4)
def _filters(num_bins: int, sample_rate_hz: int) -> Float64[np.ndarray, "b k"]:
    return np.asarray(base.get_filterbanks(_NUM_FILTERS, num_bins, sample_rate_hz))


def _cepstra(
    windows: Float64[np.ndarray, "s l"],
    num_bins: int,
    filters: Float64[np.ndarray, "b k"],
    num_cepstra: int,
) -> Float64[np.ndarray, "s f"]:
    tiny = np.finfo(float).eps
    power = sigproc.powspec(windows, num_bins)
    energy = power.sum(axis=1)
    bands = _bands(power, filters)
    cepstra = dct(np.log(np.where(bands == 0, tiny, bands)), type=2, axis=1, norm="ortho")
    lifted = base.lifter(cepstra[:, :num_cepstra], _LIFTER)
    lifted[:, 0] = np.log(np.where(energy == 0, tiny, energy))
    return np.asarray(lifted)


def _bands(
    power: Float64[np.ndarray, "s k"], filters: Float64[np.ndarray, "b k"]
) -> Float64[np.ndarray, "s b"]:
    """Apply the filters to groups of ROW_GROUP rows; zeros fill up the last one."""
    missing = -len(power) % ROW_GROUP
    padded = np.concatenate([power, np.zeros((missing, power.shape[1]))]) if missing else power
    groups = rearrange(padded, "(group row) bin -> group row bin", row=ROW_GROUP)
    bands = rearrange(groups @ filters.T, "group row band -> (group row) band")
    return np.asarray(bands[: len(power)])
