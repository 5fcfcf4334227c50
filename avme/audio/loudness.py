"""Loudness of samples, and whether they are audible, silent or missing.

Digital silence is not audible: its MFCC is one constant far from all others, which would show a
model the recorder instead of the content.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Float64, Int16

AudioState = Literal["audible", "silent", "none"]
"""State of the audio of a clip; "none" without a track, or without a sample in it."""
AUDIO_STATES: Final[tuple[str, ...]] = get_args(AudioState)
"""All states, from best to worst."""

_FULL_SCALE = 32_768.0
_FRAME_SECONDS = 0.02
_BLOCK_FRAMES = 4096
_FLOOR_DBFS = -120.0
"""Replaces minus infinity, which JSON lacks; one bit of 16 is at -90."""

_CANCELLED_DB = 12.0


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of a range of samples."""

    rms_dbfs: float
    peak_dbfs: float
    silent_fraction: float
    """Fraction of 20 ms frames below the threshold of silence."""


def measure_loudness(
    samples: Int16[np.ndarray, " n"], sample_rate_hz: int, silence_dbfs: float
) -> Loudness | None:
    """Measure the loudness of samples.

    Args:
        samples: Mono samples, which may be memory-mapped.
        sample_rate_hz: Their rate.
        silence_dbfs: Threshold of silence.

    Returns:
        The loudness; None for zero samples.
    """
    if len(samples) == 0:
        return None
    length = max(1, round(_FRAME_SECONDS * sample_rate_hz))
    block = length * _BLOCK_FRAMES  # of a long track, only one block at a time is in memory
    parts = [_energies(samples[at : at + block], length) for at in range(0, len(samples), block)]
    energy = np.concatenate([part[0] for part in parts])
    sizes = np.diff(np.append(np.arange(0, len(samples), length), len(samples)))
    return Loudness(
        rms_dbfs=_decibels(float(energy.sum() / len(samples))),
        peak_dbfs=_decibels(max(part[1] for part in parts) ** 2),
        silent_fraction=float(np.mean(energy / sizes < 10 ** (silence_dbfs / 10))),
    )


def audio_state(loudness: Loudness | None, silence_dbfs: float) -> AudioState:
    """Return `none` for zero samples, `silent` below the threshold, `audible` otherwise."""
    if loudness is None:
        return "none"
    return "silent" if loudness.rms_dbfs < silence_dbfs else "audible"


def cancels(mean: Loudness, one: Loudness) -> bool:
    """Return True if one of two channels is so much louder than their mean that they cancel.

    If only one channel has a signal, the mean is lower by 6 dB.
    """
    return one.rms_dbfs - mean.rms_dbfs > _CANCELLED_DB


def _energies(
    samples: Int16[np.ndarray, " n"], length: int
) -> tuple[Float64[np.ndarray, " f"], float]:
    """Return the energy of each frame of `length` samples, and the peak amplitude."""
    scaled = samples / _FULL_SCALE
    energy = np.add.reduceat(scaled**2, np.arange(0, len(samples), length))
    return energy, float(np.abs(scaled).max())


def _decibels(power: float) -> float:
    return max(_FLOOR_DBFS, round(10 * float(np.log10(max(power, 1e-30))), 3))
