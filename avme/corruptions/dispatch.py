"""Function of every kind of degradation.

Shape letters: t frames, h and w pixels, c colors, n samples.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from jaxtyping import Int16, UInt8

from avme.corruptions.audio_noise import audio_noise
from avme.corruptions.blur import defocus_blur, motion_blur
from avme.corruptions.clipping import clipping
from avme.corruptions.dropouts import dropouts
from avme.corruptions.dropped_frames import dropped_frames
from avme.corruptions.exposure import brightness, contrast
from avme.corruptions.jpeg import jpeg
from avme.corruptions.kinds import KINDS, Modality
from avme.corruptions.low_pass import low_pass
from avme.corruptions.noise import gaussian_noise, impulse_noise, shot_noise
from avme.corruptions.resolution import low_resolution
from avme.corruptions.seeds import clip_generator

Array = UInt8[np.ndarray, "t h w c"] | Int16[np.ndarray, " n"]


def _h264(frames: UInt8[np.ndarray, "t h w c"], crf: float) -> UInt8[np.ndarray, "t h w c"]:
    from avme.corruptions.h264 import h264  # imports PyAV

    return h264(frames, crf)


FIXED: Final[dict[str, Callable[[Any, float], Any]]] = {
    "low-resolution": low_resolution,
    "defocus-blur": defocus_blur,
    "jpeg": jpeg,
    "h264": _h264,
    "dropped-frames": dropped_frames,
    "brightness": brightness,
    "contrast": contrast,
    "low-pass": low_pass,
    "clipping": clipping,
}
"""Kinds without randomness."""
DRAWN: Final[dict[str, Callable[[Any, float, np.random.Generator], Any]]] = {
    "motion-blur": motion_blur,
    "gaussian-noise": gaussian_noise,
    "shot-noise": shot_noise,
    "impulse-noise": impulse_noise,
    "audio-noise": audio_noise,
    "dropouts": dropouts,
}
"""Kinds with a pattern or a direction drawn by clip."""


def apply(array: Array, kind: str, level: float, clip_id: str) -> np.ndarray:
    """Return a degraded copy of frames or samples.

    Args:
        array: Frames or samples, by the modality of the kind.
        kind: Name of the kind.
        level: Value of the quantity that defines the kind.
        clip_id: Id of the clip.

    Raises:
        ValueError: The array has another modality.
    """
    modality: Modality = "frames" if array.ndim == 4 else "audio"
    if modality != KINDS[kind].modality:
        raise ValueError(f"{kind} degrades {KINDS[kind].modality} (got {modality})")
    if array.size == 0:
        return array.copy()
    if kind in FIXED:
        return np.asarray(FIXED[kind](array, level))
    return np.asarray(DRAWN[kind](array, level, clip_generator(clip_id, kind)))
