"""Log-mel spectrogram: for models that take another input than MFCC.

The filters are triangles on HTK's mel scale (O'Shaughnessy 1987), not rounded to bins of the
spectrum. At 16 kHz a spectrum of 512 points is too coarse: of 128 filters one contains no bin, and
with centers rounded to bins, as in python_speech_features, thirteen do not.

Rows may start anywhere: aligned with the video as MFCC rows are (`mfcc.row_starts`), or with a
fixed hop (`hop_starts`).

Shape letters: n samples, s rows, m mel bands, k bins of the spectrum.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int16

from avme.audio.windows import first_samples, read_windows, window_length

SMALLEST_FFT: Final = 1024
FULL_SCALE: Final = 32_768.0
SMALLEST_POWER: Final = 1e-10
"""Lower limit of the power in a band, so that its logarithm is finite."""
_BLOCK_ROWS = 1024


def hop_starts(
    num_samples: int, sample_rate_hz: int, hop_seconds: float, window_seconds: float
) -> Float64[np.ndarray, " s"]:
    """Return the starts in seconds of all windows within the audio, one every hop.

    Args:
        num_samples: Length of the audio.
        sample_rate_hz: Its sample rate.
        hop_seconds: Time from one start to the next.
        window_seconds: Length of the windows.
    """
    room = num_samples - window_length(window_seconds, sample_rate_hz)
    hop = max(1, round(hop_seconds * sample_rate_hz))
    return np.arange(0, room + 1, hop) / sample_rate_hz


def log_mel_rows(
    samples: Int16[np.ndarray, " n"],
    sample_rate_hz: int,
    row_starts_seconds: Float64[np.ndarray, " s"],
    window_seconds: float,
    num_mels: int,
) -> Float32[np.ndarray, "s m"]:
    """Return the natural logarithm of the power in mel bands of Hann windows.

    Full scale is 1, and the power at least 1e-10. Outside the audio, windows are zero.

    Args:
        samples: Audio.
        sample_rate_hz: Its sample rate.
        row_starts_seconds: Starts of the windows after the first sample.
        window_seconds: Length of the windows.
        num_mels: Number of bands.
    """
    length = window_length(window_seconds, sample_rate_hz)
    num_fft = num_fft_of(length)
    filters = mel_filters(num_mels, num_fft, sample_rate_hz)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    first = first_samples(row_starts_seconds, sample_rate_hz)
    rows = np.empty((len(first), num_mels), dtype=np.float32)
    block_rows = max(1, _BLOCK_ROWS * SMALLEST_FFT // num_fft)
    for begin in range(0, len(first), block_rows):
        block = slice(begin, begin + block_rows)
        windows = read_windows(samples, first[block], length) / FULL_SCALE * taper
        power = np.abs(np.fft.rfft(windows, num_fft)) ** 2
        rows[block] = np.log(np.maximum(power @ filters.T, SMALLEST_POWER))
    return rows


def num_fft_of(window_samples: int) -> int:
    """Return the points of the spectrum of a window: a power of two, at least 1024."""
    return max(SMALLEST_FFT, 1 << (window_samples - 1).bit_length())


@lru_cache(maxsize=8)
def mel_filters(
    num_mels: int, num_fft: int, sample_rate_hz: int, low_hz: float = 0.0
) -> Float64[np.ndarray, "m k"]:
    """Return triangular filters of peak 1 from `low_hz` to half the sample rate.

    Their corners are equally spaced on the mel scale, their sides are linear in Hz.

    Args:
        num_mels: Number of filters.
        num_fft: Points of the spectrum.
        sample_rate_hz: Sample rate.
        low_hz: Lower corner of the first filter.
    """
    low_mel, high_mel = _mel(np.array([low_hz, sample_rate_hz / 2]))
    corners = _hz(np.linspace(low_mel, high_mel, num_mels + 2))
    below, center, above = (corners[i : i + num_mels, None] for i in range(3))
    bins = np.linspace(0.0, sample_rate_hz / 2, num_fft // 2 + 1)
    rising, falling = (bins - below) / (center - below), (above - bins) / (above - center)
    filters = np.asarray(np.maximum(0.0, np.minimum(rising, falling)))
    filters.flags.writeable = False  # shared by all callers
    return filters


def _mel(hz: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    return np.asarray(2595.0 * np.log10(1.0 + hz / 700.0))


def _hz(mel: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
