"""Audio of the synthetic dataset: events and background noise.

Shape letters: n samples.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64

from avme.audio.mfcc import SAMPLE_RATE_HZ

Heard = Literal["Bell", "Buzz", "Chirp"]
HEARD: tuple[Heard, ...] = get_args(Heard)
_BELL_PARTIALS = (1.0, 2.76, 5.40)  # of a struck bar: inharmonic
_NUM_HARMONICS = 24


def synthesize_event(
    heard: Heard, num_samples: int, draw: np.random.Generator
) -> Float64[np.ndarray, " n"]:
    """Synthesize a repeated event with random pitch and tempo.

    Args:
        heard: Kind of event.
        num_samples: Length.
        draw: Random generator of the clip.
    """
    seconds = np.arange(num_samples) / SAMPLE_RATE_HZ
    since = seconds + draw.uniform(0.0, 0.5)
    if heard == "Bell":
        after = since % draw.uniform(0.3, 0.6)
        pitch_hz, decay = draw.uniform(350, 900), draw.uniform(6, 14)
        parts = [np.sin(2 * np.pi * k * pitch_hz * after) / k for k in _BELL_PARTIALS]
        return np.asarray(sum(parts) * np.exp(-decay * after))
    if heard == "Buzz":
        pitch_hz, tremble_hz = draw.uniform(90, 180), draw.uniform(5, 11)
        numbers = range(1, _NUM_HARMONICS + 1)
        parts = [np.sin(2 * np.pi * k * pitch_hz * since) / k for k in numbers]
        return np.asarray(sum(parts) * (1 + 0.4 * np.sin(2 * np.pi * tremble_hz * since)))
    length = draw.uniform(0.2, 0.4)
    after = since % length
    low_hz, factor = draw.uniform(400, 900), draw.uniform(2.5, 4.0)
    cycles = low_hz * (after + (factor - 1) * after**2 / (2 * length))
    return np.asarray(np.sin(2 * np.pi * cycles) * np.sin(np.pi * after / length) ** 2)


def synthesize_noise(
    num_samples: int, scene: np.random.Generator, draw: np.random.Generator
) -> Float64[np.ndarray, " n"]:
    """Synthesize noise with the scene's tilt and hum.

    Args:
        num_samples: Length.
        scene: Random generator of the group.
        draw: Random generator of the clip.
    """
    spectrum = np.fft.rfft(draw.standard_normal(num_samples))
    spectrum /= np.arange(1, len(spectrum) + 1) ** scene.uniform(0.2, 0.9)
    noise = np.fft.irfft(spectrum, num_samples)
    hum_hz = scene.uniform(50, 400)
    hum = np.sin(2 * np.pi * hum_hz * np.arange(num_samples) / SAMPLE_RATE_HZ)
    return np.asarray(noise / noise.std() + 0.4 * hum)
