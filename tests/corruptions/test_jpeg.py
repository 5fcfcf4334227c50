"""JPEG compression."""

from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from avme.corruptions.jpeg import compress_jpeg, jpeg, min_quality
from avme.corruptions.kinds import KINDS
from avme.corruptions.psnr import psnr_db
from tests.corruptions.inputs import texture

LEVELS = KINDS["jpeg"].levels


def test_compression_is_that_of_pillow() -> None:
    clean, file = texture(1, 33, 47), BytesIO()
    Image.fromarray(clean[0]).save(file, "JPEG", quality=12, subsampling=0)

    expected = np.asarray(Image.open(file))[None]

    assert psnr_db(expected, compress_jpeg(clean, 12)) > 40


@pytest.mark.parametrize("side", [32, 96])
@pytest.mark.slow
def test_psnr_is_reached_by_the_lowest_quality_that_does(side: int) -> None:
    clean = texture(4, side, side)

    for level in LEVELS:
        found = psnr_db(clean, jpeg(clean, level))
        qualities = [q for q in range(3, 101) if psnr_db(clean, compress_jpeg(clean, q)) >= level]
        assert found == pytest.approx(psnr_db(clean, compress_jpeg(clean, min(qualities))), abs=0.3)
        assert level <= found < level + 2.0


def test_smooth_frames_lose_more_at_every_severity() -> None:
    down, right = np.mgrid[:64, :64]
    clean = np.stack([80 + down, 60 + right, 90 + (down + right) // 2], axis=-1)
    clean = clean[None].astype(np.uint8)

    found = [psnr_db(clean, jpeg(clean, level)) for level in LEVELS]

    assert min(found) > LEVELS[-1]
    assert all(a > b for a, b in pairwise(found))


def test_lowest_qualities_fall_with_the_target() -> None:
    assert [min_quality(level) for level in LEVELS] == [24, 14, 8, 5, 3]
    assert min_quality(0.0) == 3
    assert min_quality(60.0) == 100
