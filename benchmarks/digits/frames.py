"""Moving digits: a handwritten digit that moves, turns and brightens while it is said.

Shape letters: t frames, h rows, w columns.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, UInt8

SIZE, FRAMES, FPS = 64, 25, 25
_NOISE, _BARS = 0.03, 2
_CONTRAST: Final = (0.5, 0.9)
_DIM: Final = 0.35
"""Brightness of the digit while it is silent."""


def draw_frames(
    image: np.ndarray, onset: float, seconds: float, draw: np.random.Generator
) -> UInt8[np.ndarray, "t h w"]:
    """Draw the moving digit, which is bright from `onset` for some seconds, with bars and noise.

    Args:
        image: Image of the digit, 28 x 28 pixels, 0 to 1.
        onset: Time in seconds from which the digit is bright.
        seconds: Duration of that.
        draw: Source of size, motion, contrast, bars and noise.
    """
    size = draw.uniform(0.5, 0.7) * SIZE
    box = min(int(np.ceil(size * 1.15)) | 1, SIZE - 4)
    position, velocity = draw.uniform(0, SIZE - box, 2), draw.uniform(-1, 1, 2)
    velocity *= draw.uniform(0.8, 2.2) / (np.abs(velocity).max() + 1e-6)
    angle, rotation = draw.uniform(-0.25, 0.25), draw.uniform(-0.02, 0.02)
    contrast, background = draw.uniform(*_CONTRAST), draw.uniform(0.1, 0.35)
    frames = np.empty((FRAMES, SIZE, SIZE), np.float32)
    bars = [
        (draw.integers(0, SIZE), draw.integers(3, 8), draw.integers(0, 2), draw.uniform(0, 0.5))
        for _ in range(_BARS)
    ]
    for index in range(FRAMES):
        frame = np.full((SIZE, SIZE), background, np.float32)
        bright = 1.0 if onset <= (index + 0.5) / FPS <= onset + seconds else _DIM
        y, x = np.round(position).astype(int)
        frame[y : y + box, x : x + box] += _turn(image, size, angle, box) * contrast * bright
        for begin, width, axis, value in bars:
            area = [slice(None)] * 2
            area[axis] = slice(begin, begin + width)
            frame[tuple(area)] = value
        frames[index] = frame + draw.standard_normal((SIZE, SIZE)) * _NOISE
        position += velocity
        angle += rotation
        velocity = np.where((position < 0) | (position > SIZE - box), -velocity, velocity)
        position = np.clip(position, 0, SIZE - box)
    return (np.clip(frames, 0, 1) * 255).astype(np.uint8)


def _turn(image: np.ndarray, size: float, angle: float, out: int) -> Float[np.ndarray, "h w"]:
    """Scale and rotate an image bilinearly."""
    center, scale = (out - 1) / 2, 28 / size
    y, x = np.mgrid[:out, :out] - center
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    u, v = cos * x - sin * y + 13.5, sin * x + cos * y + 13.5
    row, column = np.floor(v).astype(int), np.floor(u).astype(int)
    down, right = v - row, u - column
    padded = np.pad(image, 2)
    row, column = np.clip(row + 2, 0, 30), np.clip(column + 2, 0, 30)
    return np.asarray(
        padded[row, column] * (1 - down) * (1 - right)
        + padded[row, column + 1] * (1 - down) * right
        + padded[row + 1, column] * down * (1 - right)
        + padded[row + 1, column + 1] * down * right
    )
