"""Crops: a rectangle of a clip's frames to a square of the model's size, on bytes.

A JPEG decoder can produce frames of 1/2, 1/4 or 1/8 of the size faster. It does so if nothing is
lost: if even the smallest rectangle then is not smaller than the square.

Shape letters: t frames, c colors, h and w pixels, m the model's size.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F

Pictures = UInt8[Tensor, "t c h w"]
Squares = UInt8[Tensor, "t c m m"]
_FACTORS = (8, 4, 2)
_NATIVE = ("AVX2", "AVX512", "aarch64", "arm64")
"""Instruction sets and machines for which torch resizes bytes; others resize floats."""


@dataclass(frozen=True, slots=True)
class Box:
    """Rows `top` to `top + height` and columns `left` to `left + width` of full frames.

    Rows and columns outside the frame repeat its border.
    """

    top: int
    left: int
    height: int
    width: int

    def scaled(self, factor: int) -> "Box":
        """Return the nearest box in frames of 1/factor of the size."""
        top, left = _nearest(self.top, factor), _nearest(self.left, factor)
        bottom = _nearest(self.top + self.height, factor)
        right = _nearest(self.left + self.width, factor)
        return Box(top, left, bottom - top, right - left)


def eval_crops(height: int, width: int, crops: int) -> list[Box]:
    """Return squares of the full short side: the center one, or `crops` along the long side.

    Args:
        height: Height of the frames.
        width: Width of the frames.
        crops: Number of squares.
    """
    short, slack = min(height, width), abs(height - width)
    offsets = [slack // 2] if crops == 1 else [round(slack * k / (crops - 1)) for k in range(crops)]
    return [
        Box(offset, 0, short, short) if height > width else Box(0, offset, short, short)
        for offset in offsets
    ]


def jpeg_scale_factor(boxes: Sequence[Box], size: int) -> int:
    """Return the largest JPEG scale factor at which no box must be enlarged because of it."""
    least = min(min(box.height, box.width) for box in boxes)
    return next((factor for factor in _FACTORS if least >= factor * size), 1)


def distinct_boxes(boxes: Sequence[Box], size: int) -> list[Box]:
    """Drop boxes that give the same pixels as an earlier one.

    In frames decoded at a fraction of their size, boxes a few pixels apart may coincide.
    """
    factor = jpeg_scale_factor(boxes, size)
    by_pixels: dict[Box, Box] = {}
    for box in boxes:
        by_pixels.setdefault(box.scaled(factor), box)
    return list(by_pixels.values())


def crop_resize(frames: Pictures, box: Box, size: int) -> Squares:
    """Crop every frame and resize, bilinear with antialiasing, exactly as torchvision does.

    torchvision itself takes two seconds of a core to import.

    Args:
        frames: Frames.
        box: Crop in pixels of these frames.
        size: Side of the result.
    """
    height, width = frames.shape[-2:]
    bottom, right = box.top + box.height, box.left + box.width
    if min(box.top, box.left) < 0 or bottom > height or right > width:
        rows, columns = torch.arange(box.top, bottom), torch.arange(box.left, right)
        frames = frames[..., rows.clamp(0, height - 1), :][..., columns.clamp(0, width - 1)]
        box = Box(0, 0, box.height, box.width)
    square = frames[..., box.top : box.top + box.height, box.left : box.left + box.width]
    if (box.height, box.width) == (size, size):
        return square
    is_native = torch.backends.cpu.get_cpu_capability() in _NATIVE or platform.machine() in _NATIVE
    given = square if is_native else square.float()
    resized = F.interpolate(given, (size, size), mode="bilinear", antialias=True)
    return resized if is_native else resized.round_().to(torch.uint8)


def _nearest(index: int, factor: int) -> int:
    """Scale and round half up, so that the last pixel of an odd size stays the last."""
    return (2 * index + factor) // (2 * factor)
