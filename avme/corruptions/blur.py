"""Defocus and motion blur, relative to the shorter side of the frames.

Frames are continued by reflection at their edges, so that constant frames stay constant.

Shape letters: t frames, h and w pixels, c colors.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from jaxtyping import UInt8
from scipy.fft import dctn, idctn
from scipy.special import j1

_STEPS_PER_PIXEL: Final = 16


def defocus_blur(
    frames: UInt8[np.ndarray, "t h w c"], radius_fraction: float
) -> UInt8[np.ndarray, "t h w c"]:
    """Blur with a disk, the image of a point out of focus.

    The transfer function of a disk of radius r, 2 J1(2 pi r f) / (2 pi r f) at f cycles per pixel,
    is applied to the cosine transform of the frame. Radii below one pixel are exact as well.

    Args:
        frames: RGB frames.
        radius_fraction: Radius of the disk as a fraction of the shorter side.
    """
    height, width = frames.shape[1:3]
    across = np.arange(width) / (2 * width)
    down = np.arange(height)[:, None] / (2 * height)
    phase = 2 * np.pi * radius_fraction * min(height, width) * np.hypot(down, across)
    response = np.where(phase > 0, 2 * j1(phase) / np.maximum(phase, 1e-12), 1.0)
    gain = response[..., None].astype(np.float32)
    degraded = np.empty_like(frames)
    for frame, target in zip(frames, degraded, strict=True):
        spectrum = dctn(frame.astype(np.float32), axes=(0, 1), norm="ortho")
        blurred = idctn(spectrum * gain, axes=(0, 1), norm="ortho", overwrite_x=True)
        target[:] = np.rint(np.clip(blurred, 0, 255))
    return degraded


def motion_blur(
    frames: UInt8[np.ndarray, "t h w c"], length_fraction: float, draw: np.random.Generator
) -> UInt8[np.ndarray, "t h w c"]:
    """Average frames along a straight path, the trace of a camera that moves evenly.

    Args:
        frames: RGB frames.
        length_fraction: Length of the path as a fraction of the shorter side.
        draw: Random generator of the clip, which gives the direction.
    """
    height, width = frames.shape[1:3]
    length = length_fraction * min(height, width)
    weights = list(_path(length, draw.uniform(0, np.pi)))
    edge = int(np.ceil(length / 2)) + 1
    degraded = np.empty_like(frames)
    for frame, target in zip(frames, degraded, strict=True):
        around = np.pad(frame, ((edge, edge), (edge, edge), (0, 0)), mode="symmetric")
        blurred = np.zeros(frame.shape, dtype=np.float32)
        for down, right, weight in weights:
            top, left = edge + down, edge + right
            blurred += weight * around[top : top + height, left : left + width]
        target[:] = np.rint(np.clip(blurred, 0, 255))
    return degraded


def _path(length: float, angle: float) -> Iterator[tuple[int, int, np.float32]]:
    """Yield the whole-pixel offsets near a path through the origin, with weights that sum to 1."""
    steps = max(2, round(length * _STEPS_PER_PIXEL))
    along = ((np.arange(steps) + 0.5) / steps - 0.5) * length
    reach = int(np.ceil(length / 2)) + 1
    offsets = np.arange(-reach, reach + 1)
    down = np.clip(1 - np.abs(along[:, None] * np.sin(angle) - offsets), 0, 1)
    right = np.clip(1 - np.abs(along[:, None] * np.cos(angle) - offsets), 0, 1)
    weights = (down.T @ right / steps).astype(np.float32)
    for row, column in np.argwhere(weights > 0):
        yield int(offsets[row]), int(offsets[column]), weights[row, column]
