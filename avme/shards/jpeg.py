"""JPEG files of one clip to one array, at their size or at a fraction of it.

All are decoded into one place: a picture of its own for each, stacked afterwards, costs as much
time again as the decoding.

Shape letters: t frames, h and w pixels, c colours.
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
    """RGB pictures of 1/factor of `height` and `width`, rounded up; factor 1, 2, 4 or 8.

    Raises ValueError where a file is damaged or has another size, or the size is one that `avme
    prep` refuses. A file whose header says another size is not decoded.
    """
    require_possible(height, width)
    shape = (-(-height // factor), -(-width // factor), 3)
    pictures = np.empty((len(files), *shape), dtype=np.uint8)
    for file, place in zip(files, pictures, strict=True):
        # asked for at least this size and at least this factor, libjpeg takes just this factor
        found = simplejpeg.decode_jpeg(
            file,
            "RGB",
            min_height=shape[0],
            min_width=shape[1],
            min_factor=float(factor),
            buffer=place,
        ).shape
        if found != shape:
            raise ValueError(f"a picture decodes to {found}, expected {shape}")
    return pictures


def require_possible(height: int, width: int) -> None:
    """Raise ValueError for a size that no picture of a set can have."""
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"a picture of {width}x{height}, expected at most {MAX_PIXELS} pixels")


def declared_size(file: NDArray[np.uint8]) -> tuple[int, int]:
    """Return height and width as the header says; raises ValueError where there is none."""
    height, width, *_ = simplejpeg.decode_jpeg_header(file)
    return height, width
