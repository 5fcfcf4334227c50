"""A rectangle of a clip's pictures to a square of the model's size, on bytes.

A JPEG decoder makes pictures of a half, a quarter or an eighth of the size in less time. It may
wherever nothing is lost: where even the smallest rectangle is not smaller than the square then.

Shape letters: t frames, c colours, h and w pixels, m the model's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from jaxtyping import UInt8
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

Pictures = UInt8[Tensor, "t c h w"]
Squares = UInt8[Tensor, "t c m m"]
_FACTORS = (8, 4, 2)


@dataclass(frozen=True, slots=True)
class Box:
    """Rows `top` to `top + height` and columns `left` to `left + width` of whole pictures."""

    top: int
    left: int
    height: int
    width: int

    def shrunk(self, factor: int) -> "Box":
        """The nearest box in pictures of 1/factor of the size."""
        top, left = _nearest(self.top, factor), _nearest(self.left, factor)
        bottom = _nearest(self.top + self.height, factor)
        right = _nearest(self.left + self.width, factor)
        return Box(top, left, bottom - top, right - left)


def view_boxes(height: int, width: int, crops: int) -> list[Box]:
    """Squares of the whole short side: the middle one, or `crops` spread over the long side."""
    short, slack = min(height, width), abs(height - width)
    offsets = [slack // 2] if crops == 1 else [round(slack * k / (crops - 1)) for k in range(crops)]
    return [
        Box(offset, 0, short, short) if height > width else Box(0, offset, short, short)
        for offset in offsets
    ]


def shrink_factor(boxes: Sequence[Box], size: int) -> int:
    """By how much pictures may be smaller, so that still no box must be enlarged because of it."""
    least = min(min(box.height, box.width) for box in boxes)
    return next((factor for factor in _FACTORS if least >= factor * size), 1)


def distinct_boxes(boxes: Sequence[Box], size: int) -> list[Box]:
    """The boxes without those that give the same pixels as an earlier one, in their order.

    In frames that are decoded at a part of their size, boxes a few pixels apart may coincide.
    """
    factor = shrink_factor(boxes, size)
    by_pixels: dict[Box, Box] = {}
    for box in boxes:
        by_pixels.setdefault(box.shrunk(factor), box)
    return list(by_pixels.values())


def cut(frames: Pictures, box: Box, size: int) -> Squares:
    """The box of every picture, resized."""
    square = vision.resized_crop(
        frames, box.top, box.left, box.height, box.width, [size, size], antialias=True
    )
    return cast(Tensor, square)


def _nearest(place: int, factor: int) -> int:
    """Rounded half up: the last place of an odd size is then the end of its shrunk picture."""
    return (2 * place + factor) // (2 * factor)
