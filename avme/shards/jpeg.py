"""JPEG decoding of one clip's frames to one array, at full size or at a fraction of it.

All frames are decoded into one buffer: separate arrays, stacked afterwards, double the time.

Shape letters: t frames, h and w pixels, c colors.
"""

from collections.abc import Sequence

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from numpy.typing import NDArray

from avme.media.container.probe import MAX_PIXELS


def decode(
    files: Sequence[NDArray[np.uint8]], *, height: int, width: int, factor: int = 1
) -> UInt8[np.ndarray, "t h w c"]:
    """Decode RGB frames at 1/factor of the size, rounded up.

    A file whose header states another size is not decoded.

    Args:
        files: JPEG files.
        height: Full height.
        width: Full width.
        factor: 1, 2, 4 or 8.

    Raises:
        ValueError: A file is damaged or has another size, or the size exceeds the limits of `avme
            prep`.
    """
    require_possible(height, width)
    shape = (-(-height // factor), -(-width // factor), 3)
    pictures = np.empty((len(files), *shape), dtype=np.uint8)
    for file, index in zip(files, pictures, strict=True):
        # with this minimum size and minimum factor, libjpeg uses exactly this factor
        found = simplejpeg.decode_jpeg(
            file,
            "RGB",
            min_height=shape[0],
            min_width=shape[1],
            min_factor=float(factor),
            buffer=index,
        ).shape
        if found != shape:
            raise ValueError(f"a frame decodes to {found}, expected {shape}")
    return pictures


def require_possible(height: int, width: int) -> None:
    """Raise ValueError for a size that no frame of a dataset can have."""
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"a frame of {width}x{height}, expected at most {MAX_PIXELS} pixels")


def declared_size(file: NDArray[np.uint8]) -> tuple[int, int]:
    """Return height and width in the header; raises ValueError without one."""
    height, width, *_ = simplejpeg.decode_jpeg_header(file)
    return height, width
