"""RandAugment as in VideoMAE: timm's `rand-m7-n4-mstd0.5-inc1`, the same on all frames of a clip.

Each of n operations is drawn from 15 with replacement and applied with probability 1/2. Its level
is drawn once per clip from a normal distribution and clipped to 0 .. 10; operations change more at
a higher level ("inc"). The numbers are those of rand_augment.py of VideoMAE (14ef8d8).

Two departures: geometric operations interpolate bilinearly, as torchvision does for tensors, where
VideoMAE interpolates bicubically; and the frames are already crops of the model's size.

Shape letters: t frames, c colors, h and w pixels.
"""

import math
from collections.abc import Callable
from typing import Any, Final, cast

import torch
from jaxtyping import UInt8
from torch import Tensor

from avme.config import AugmentConfig

Frames = UInt8[Tensor, "t c h w"]
Operation = Callable[[Frames, float, int], Frames]
"""(frames, level from 0 to 10, sign) -> frames; a sign is -1 or 1."""

MAX_LEVEL: Final = 10.0
MAX_DEGREES: Final = 30.0
MAX_SHEAR: Final = 0.3
MAX_TRANSLATION: Final = 0.45
"""Fraction of the width or height."""
MAX_BLEND: Final = 0.9
MAX_POSTERIZED_BITS: Final = 4
MAX_ADDED: Final = 110
SOLARIZE_ADD_BELOW: Final = 128
FILL: Final = [128.0, 128.0, 128.0]


class RandAugment:
    """Random operations of random strength, drawn from torch's global generator."""

    def __init__(self, augment: AugmentConfig) -> None:
        self.num_ops = augment.randaugment_ops
        self.magnitude = augment.randaugment_magnitude
        self.deviation = augment.randaugment_std
        self.probability = augment.randaugment_prob

    def __call__(self, frames: Frames) -> Frames:
        """Apply the same operations to all frames."""
        names = list(OPERATIONS)
        for index in torch.randint(len(names), (self.num_ops,)).tolist():
            coin, sign = torch.rand(2).tolist()
            level = self.magnitude + self.deviation * float(torch.randn(()))
            if coin < self.probability:
                level = min(max(level, 0.0), MAX_LEVEL)
                frames = OPERATIONS[names[index]](frames, level, -1 if sign < 0.5 else 1)
        return frames


def rotate(frames: Frames, level: float, sign: int) -> Frames:
    """Rotate about the centre by up to 30 degrees."""
    return _affine(frames, angle=sign * MAX_DEGREES * level / MAX_LEVEL)


def shear_x(frames: Frames, level: float, sign: int) -> Frames:
    """Move rows sideways by up to 0.3 pixels for each pixel below the top."""
    degrees = math.degrees(math.atan(sign * MAX_SHEAR * level / MAX_LEVEL))
    return _affine(frames, shear=(degrees, 0.0), center=[0.0, 0.0])


def shear_y(frames: Frames, level: float, sign: int) -> Frames:
    """Move columns up or down by up to 0.3 pixels for each pixel right of the left edge."""
    degrees = math.degrees(math.atan(sign * MAX_SHEAR * level / MAX_LEVEL))
    return _affine(frames, shear=(0.0, degrees), center=[0.0, 0.0])


def translate_x(frames: Frames, level: float, sign: int) -> Frames:
    """Move sideways by up to 0.45 of the width."""
    share = sign * MAX_TRANSLATION * level / MAX_LEVEL
    return _affine(frames, translate=(share * frames.shape[-1], 0.0))


def translate_y(frames: Frames, level: float, sign: int) -> Frames:
    """Move up or down by up to 0.45 of the height."""
    share = sign * MAX_TRANSLATION * level / MAX_LEVEL
    return _affine(frames, translate=(0.0, share * frames.shape[-2]))


def posterize(frames: Frames, level: float, _: int) -> Frames:
    """Keep the 4 highest bits, down to none at the highest level."""
    bits = MAX_POSTERIZED_BITS - int(MAX_POSTERIZED_BITS * level / MAX_LEVEL)
    return cast(Tensor, _vision().posterize(frames, bits))


def solarize(frames: Frames, level: float, _: int) -> Frames:
    """Invert values from a threshold on, which falls from 256 to 0."""
    threshold = 256 - int(256 * level / MAX_LEVEL)
    return torch.where(frames.short() >= threshold, 255 - frames, frames)


def solarize_add(frames: Frames, level: float, _: int) -> Frames:
    """Add up to 110 to values below 128."""
    added = (frames.short() + int(MAX_ADDED * level / MAX_LEVEL)).clamp(max=255).to(torch.uint8)
    return torch.where(frames < SOLARIZE_ADD_BELOW, added, frames)


def color(frames: Frames, level: float, sign: int) -> Frames:
    """Blend with the grey image, or away from it."""
    return cast(Tensor, _vision().adjust_saturation(frames, _blend(level, sign)))


def contrast(frames: Frames, level: float, sign: int) -> Frames:
    """Blend with the mean grey of each frame, or away from it."""
    return cast(Tensor, _vision().adjust_contrast(frames, _blend(level, sign)))


def brightness(frames: Frames, level: float, sign: int) -> Frames:
    """Blend with black, or away from it."""
    return cast(Tensor, _vision().adjust_brightness(frames, _blend(level, sign)))


def sharpness(frames: Frames, level: float, sign: int) -> Frames:
    """Blend with the smoothed image, or away from it."""
    return cast(Tensor, _vision().adjust_sharpness(frames, _blend(level, sign)))


OPERATIONS: Final[dict[str, Operation]] = {
    "autocontrast": lambda frames, *_: _vision().autocontrast(frames),
    "equalize": lambda frames, *_: _vision().equalize(frames),
    "invert": lambda frames, *_: _vision().invert(frames),
    "rotate": rotate,
    "posterize": posterize,
    "solarize": solarize,
    "solarize_add": solarize_add,
    "color": color,
    "contrast": contrast,
    "brightness": brightness,
    "sharpness": sharpness,
    "shear_x": shear_x,
    "shear_y": shear_y,
    "translate_x": translate_x,
    "translate_y": translate_y,
}
"""Operations, all with the same probability."""


def _vision() -> Any:
    """Import torchvision's functions at the first use: they import torch's compiler."""
    from torchvision.transforms.v2 import functional

    return functional


def _blend(level: float, sign: int) -> float:
    """Return a factor from 0.1 to 1.9; 1 changes nothing."""
    return 1.0 + sign * MAX_BLEND * level / MAX_LEVEL


def _affine(
    frames: Frames,
    *,
    angle: float = 0.0,
    translate: tuple[float, float] = (0.0, 0.0),
    shear: tuple[float, float] = (0.0, 0.0),
    center: list[float] | None = None,
) -> Frames:
    from torchvision.transforms import InterpolationMode

    moved = _vision().affine(
        frames,
        angle=angle,
        translate=list(translate),
        scale=1.0,
        shear=list(shear),
        interpolation=InterpolationMode.BILINEAR,
        fill=FILL,
        center=center,
    )
    return cast(Tensor, moved)
