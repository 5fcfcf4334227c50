"""Boxes: the right place of the picture, whether it was decoded whole or at a part of its size."""

import numpy as np
import pytest
import simplejpeg
import torch
from torch import Tensor

from avme.data.crop import Box, crop_resize, eval_crops, jpeg_scale_factor
from avme.shards.jpeg import decode


def decoded(picture: np.ndarray, factor: int) -> Tensor:
    height, width = picture.shape[:2]
    file = np.frombuffer(simplejpeg.encode_jpeg(picture, quality=95), dtype=np.uint8)
    return torch.from_numpy(decode([file], height=height, width=width, factor=factor)).permute(
        0, 3, 1, 2
    )


def ramps(height: int, width: int) -> np.ndarray:
    """Red grows from top to bottom, green from left to right: colours tell the place."""
    picture = np.full((height, width, 3), 128.0)
    picture[..., 0] = np.linspace(0, 255, height)[:, None]
    picture[..., 1] = np.linspace(0, 255, width)[None]
    return picture.round().astype(np.uint8)


@pytest.mark.parametrize(
    ("boxes", "factor"),
    [
        ([Box(0, 0, 63, 400)], 1),
        ([Box(0, 0, 64, 64)], 2),
        ([Box(0, 0, 127, 400)], 2),
        ([Box(3, 5, 200, 128)], 4),
        ([Box(0, 0, 4000, 4000)], 8),
        ([Box(0, 0, 200, 200), Box(0, 0, 100, 200)], 2),
    ],
)
def test_jpeg_scale_factor_is_limited_by_the_smallest_box(boxes: list[Box], factor: int) -> None:
    assert jpeg_scale_factor(boxes, 32) == factor


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(240, 320), (241, 321), (243, 327)])
def test_crop_resize_with_reduced_box_stays_inside_and_covers_the_output(
    height: int, width: int, factor: int
) -> None:
    size = height // factor - 3

    for top in range(height - factor * size + 1):
        box = Box(top, width - factor * size, factor * size, factor * size)
        shrunk = box.scaled(factor)
        assert shrunk.top + shrunk.height <= -(-height // factor)
        assert shrunk.left + shrunk.width <= -(-width // factor)
        assert (shrunk.height, shrunk.width) == (size, size)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize(
    "box", [Box(0, 0, 160, 160), Box(81, 161, 160, 160), Box(33, 47, 171, 163)]
)
def test_crop_resize_of_odd_frame_shows_the_same_region_at_every_factor(
    box: Box, factor: int
) -> None:
    picture = ramps(241, 321)
    size = 160 // factor

    whole = crop_resize(decoded(picture, 1), box, size).double()
    small = crop_resize(decoded(picture, factor), box.scaled(factor), size).double()

    # half a pixel of the shrunk picture is as far off as rounding can be
    assert (whole - small)[:, 0].mean().abs() <= 0.5 * factor * 255 / 240 + 0.2
    assert (whole - small)[:, 1].mean().abs() <= 0.5 * factor * 255 / 320 + 0.2


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_crop_resize_of_reduced_frame_is_close_to_the_full_one(factor: int) -> None:
    generator = np.random.default_rng(0)
    coarse = torch.from_numpy(generator.integers(0, 256, (1, 3, 16, 21), dtype=np.uint8))
    rough = (
        crop_resize(coarse, Box(0, 0, 16, 21), 328)[0, :, :248]
        .permute(1, 2, 0)
        .contiguous()
        .numpy()
    )
    box = Box(8, 16, 160, 160)

    whole = crop_resize(decoded(rough, 1), box, 20).double()
    small = crop_resize(decoded(rough, factor), box.scaled(factor), 20).double()

    assert (whole - small).abs().mean() < 3
    assert whole.std() > 20


@pytest.mark.parametrize(("height", "width"), [(24, 40), (40, 24)])
def test_eval_crops_are_the_ends_and_middle_of_the_long_side(height: int, width: int) -> None:
    indices = [(box.top, box.left) for box in eval_crops(height, width, 3)]

    assert indices == ([(0, 0), (0, 8), (0, 16)] if width > height else [(0, 0), (8, 0), (16, 0)])
    assert eval_crops(height, width, 1) == [eval_crops(height, width, 3)[1]]
    assert {(box.height, box.width) for box in eval_crops(height, width, 3)} == {(24, 24)}


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("size", [64, 48, 30])
def test_crop_resize_equals_torchvision(
    size: int, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.transforms.v2 import functional as vision

    if not native:
        monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT")
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (3, 3, 60, 80), generator=generator, dtype=torch.uint8)
    box = Box(5, 7, 48, 50)

    expected = vision.resized_crop(frames, 5, 7, 48, 50, [size, size], antialias=True)

    assert torch.equal(crop_resize(frames, box, size), expected)
