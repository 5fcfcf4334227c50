"""RandAugment: Pillow at timm's magnitudes is the oracle, and binomial counts for what is drawn."""

from collections.abc import Callable

import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from avme.config import AugmentConfig
from avme.data import randaugment
from avme.data.randaugment import OPERATIONS, RandAugment
from avme.data.transforms import torch_seed

GREY = (128, 128, 128)
AFFINE, BILINEAR = Image.Transform.AFFINE, Image.Resampling.BILINEAR
GEOMETRIC = {"rotate", "shear_x", "shear_y", "translate_x", "translate_y"}


def moved(image: Image.Image, *matrix: float) -> Image.Image:
    return image.transform(image.size, AFFINE, matrix, BILINEAR, fillcolor=GREY)


def brighter_below_128(image: Image.Image, added: int) -> Image.Image:
    return image.point([min(255, v + added) if v < 128 else v for v in range(256)] * 3)


def highest_bits(image: Image.Image, bits: int) -> Image.Image:
    """None of them is black, which newer versions of Pillow refuse in `posterize`."""
    return ImageOps.posterize(image, bits) if bits else Image.new("RGB", image.size)


# timm's formulas: `s` is the level as a share of 10, with its random sign.
REFERENCE: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "autocontrast": lambda image, s: ImageOps.autocontrast(image),
    "equalize": lambda image, s: ImageOps.equalize(image),
    "invert": lambda image, s: ImageOps.invert(image),
    "rotate": lambda image, s: image.rotate(30 * s, BILINEAR, fillcolor=GREY),
    "posterize": lambda image, s: highest_bits(image, 4 - int(4 * abs(s))),
    "solarize": lambda image, s: ImageOps.solarize(image, 256 - int(256 * abs(s))),
    "solarize_add": lambda image, s: brighter_below_128(image, int(110 * abs(s))),
    "color": lambda image, s: ImageEnhance.Color(image).enhance(1 + 0.9 * s),
    "contrast": lambda image, s: ImageEnhance.Contrast(image).enhance(1 + 0.9 * s),
    "brightness": lambda image, s: ImageEnhance.Brightness(image).enhance(1 + 0.9 * s),
    "sharpness": lambda image, s: ImageEnhance.Sharpness(image).enhance(1 + 0.9 * s),
    "shear_x": lambda image, s: moved(image, 1, 0.3 * s, 0, 0, 1, 0),
    "shear_y": lambda image, s: moved(image, 1, 0, 0, 0.3 * s, 1, 0),
    "translate_x": lambda image, s: moved(image, 1, 0, 0.45 * s * image.size[0], 0, 1, 0),
    "translate_y": lambda image, s: moved(image, 1, 0, 0, 0, 1, 0.45 * s * image.size[1]),
}


def make_frames() -> Tensor:
    """Two smooth colour images of 48 x 64 pixels, between 30 and 220."""
    coarse = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 190 + 30
    wide = torch.nn.functional.interpolate(coarse, (48, 64), mode="bilinear")
    return wide.round().to(torch.uint8)


def test_operations_are_the_fifteen_of_timm() -> None:
    assert OPERATIONS.keys() == REFERENCE.keys()


@pytest.mark.parametrize("level", [0.0, 3.0, 7.0, 10.0])
@pytest.mark.parametrize("name", REFERENCE)
def test_operation_equals_pillow_at_the_magnitude_of_timm(name: str, level: float) -> None:
    frames = make_frames()

    found = [OPERATIONS[name](frames, level, sign).float() for sign in (-1, 1)]

    expected = [
        torch.stack(
            [F.pil_to_tensor(REFERENCE[name](F.to_pil_image(f), s * level / 10)) for f in frames]
        ).float()
        for s in (-1, 1)
    ]
    away = [[(one - other).abs() for other in expected] for one in found]
    if name in GEOMETRIC:  # they may turn the other way; borders are blended with grey
        straight = max(float(away[i][i].mean()) for i in (0, 1))
        crossed = max(float(away[i][1 - i].mean()) for i in (0, 1))
        assert min(straight, crossed) < 1.5
    else:
        assert max(float(away[i][i].max()) for i in (0, 1)) <= 1


@pytest.mark.parametrize(("probability", "expected"), [(0.5, 0.5), (1.0, 1.0), (0.0, 0.0)])
def test_levels_and_signs_are_drawn_as_timm_draws_them(
    probability: float, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, float, int]] = []

    def recorded(name: str) -> randaugment.Operation:
        def note(frames: Tensor, level: float, sign: int) -> Tensor:
            drawn.append((name, level, sign))
            return frames

        return note

    monkeypatch.setattr(randaugment, "OPERATIONS", {name: recorded(name) for name in OPERATIONS})
    view = RandAugment(AugmentConfig(randaugment_prob=probability))
    frames, clips = torch.zeros(1, 3, 2, 2, dtype=torch.uint8), 2000

    with torch_seed(0):
        for _ in range(clips):
            view(frames)

    count = 4 * clips
    assert (
        abs(len(drawn) / count - expected) < 5 * (expected * (1 - expected) / count) ** 0.5 + 1e-9
    )
    if not drawn:
        return
    levels = torch.tensor([level for _, level, _ in drawn])
    assert float(levels.mean()) == pytest.approx(7.0, abs=5 * 0.5 / len(drawn) ** 0.5)
    assert float(levels.std()) == pytest.approx(0.5, rel=0.05)
    assert float(levels.max()) <= 10.0
    share = sum(sign > 0 for _, _, sign in drawn) / len(drawn)
    assert share == pytest.approx(0.5, abs=5 * 0.5 / len(drawn) ** 0.5)
    for name in OPERATIONS:
        times = sum(one == name for one, _, _ in drawn)
        assert times == pytest.approx(len(drawn) / 15, abs=5 * (len(drawn) / 15) ** 0.5)


def test_randaugment_changes_all_frames_of_a_clip_alike_by_seed() -> None:
    still, view = make_frames()[:1].expand(3, -1, -1, -1), RandAugment(AugmentConfig())
    made = []

    for seed in (0, 0, *range(1, 12)):
        with torch_seed(seed):
            made.append(view(still))
        assert (made[-1] == made[-1][:1]).all()

    assert torch.equal(made[0], made[1])
    assert len({one.numpy().tobytes() for one in made}) > 6


def test_randaugment_level_far_from_the_mean_is_clipped() -> None:
    view = RandAugment(AugmentConfig(randaugment_std=100.0, randaugment_prob=1.0))

    for seed in range(30):
        with torch_seed(seed):
            assert view(make_frames()).dtype == torch.uint8
