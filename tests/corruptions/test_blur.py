"""Defocus and motion blur."""

import numpy as np
import pytest
from scipy.ndimage import convolve

from avme.corruptions.blur import defocus_blur, motion_blur
from avme.corruptions.kinds import KINDS
from avme.corruptions.psnr import psnr_db
from avme.corruptions.seeds import clip_generator
from tests.corruptions.inputs import texture

SIDE = 96


def spot() -> np.ndarray:
    down, right = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    bright = 255 * np.exp(-(down**2 + right**2) / (2 * 4.0**2))
    return np.repeat(np.rint(bright).astype(np.uint8)[None, ..., None], 3, axis=-1)


def spread(frames: np.ndarray) -> np.ndarray:
    """Return the variances and the covariance of the light of the first frame, in pixels."""
    light = frames[0, ..., 0].astype(float)
    light[light < 1.5] = 0  # rounding
    down, right = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    weights = light / light.sum()
    return np.array([(weights * a * b).sum() for a, b in [(down, down), (right, right)]])


@pytest.mark.parametrize("level", KINDS["defocus-blur"].levels)
def test_light_spreads_over_a_disk_of_the_stated_radius(level: float) -> None:
    clean = spot()

    grown = spread(defocus_blur(clean, level)) - spread(clean)

    assert grown == pytest.approx((level * SIDE) ** 2 / 4, rel=0.1, abs=0.2)  # r^2 / 4 per axis


@pytest.mark.parametrize("level", KINDS["motion-blur"].levels)
def test_light_spreads_over_a_path_of_the_stated_length(level: float) -> None:
    clean = spot()

    grown = spread(motion_blur(clean, level, clip_generator("a", "blur"))) - spread(clean)

    assert grown.sum() == pytest.approx((level * SIDE) ** 2 / 12, rel=0.1, abs=0.4)


def test_defocus_is_the_convolution_with_a_disk() -> None:
    clean, radius = texture(1, 64, 80), 8.0
    fine = (np.arange(-10 * 16, 10 * 16 + 16) + 0.5) / 16 - 0.5  # 16 samples per pixel
    inside = np.hypot(fine[:, None], fine) <= radius
    kernel = inside.reshape(21, 16, 21, 16).mean(axis=(1, 3))

    expected = convolve(clean[0].astype(float), kernel[..., None] / kernel.sum(), mode="reflect")

    found = defocus_blur(clean, radius / 64)
    assert psnr_db(np.rint(expected).astype(np.uint8)[None], found) > 45


def test_motion_is_a_translation_averaged_over_the_exposure() -> None:
    angle = clip_generator("clip", "blur").uniform(0, np.pi)
    down, right = np.mgrid[:SIDE, :SIDE].astype(float)
    length = 0.25 * SIDE

    def seen(time: float) -> np.ndarray:
        y, x = down - time * length * np.sin(angle), right - time * length * np.cos(angle)
        return np.asarray(128 + 60 * np.sin(0.15 * x + 1) * np.cos(0.1 * y))

    expected = np.mean([seen(time) for time in np.linspace(-0.5, 0.5, 401)], axis=0)
    clean = np.repeat(np.rint(seen(0.0)).astype(np.uint8)[None, ..., None], 3, axis=-1)

    found = motion_blur(clean, 0.25, clip_generator("clip", "blur"))

    inside = slice(14, SIDE - 14)  # further out, reflected frames are seen
    assert found[0, inside, inside, 0] == pytest.approx(expected[inside, inside], abs=1.5)


def test_clips_move_in_different_directions() -> None:
    clean = spot()

    both = [motion_blur(clean, 0.2, clip_generator(name, "blur")) for name in "ab"]

    assert (both[0] != both[1]).any()


@pytest.mark.parametrize("size", [32, 224])
def test_same_picture_at_two_sizes_is_blurred_alike(size: int) -> None:
    waves = np.cos(2 * np.pi * 6 * (np.arange(size) + 0.5) / size)  # six cycles per side
    clean = np.rint(128 + 100 * waves)[None, None, :, None].astype(np.uint8)
    clean = np.broadcast_to(clean, (1, size, size, 3)).copy()

    kept = defocus_blur(clean, 0.05).std() / clean.std()

    assert kept == pytest.approx(0.617, abs=0.02)  # 2 J1(x) / x at x = 2 pi 0.05 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3), (2, 40)])
def test_tiny_frames_are_blurred_too(shape: tuple[int, int]) -> None:
    clean = texture(2, *shape)

    assert defocus_blur(clean, 0.07).shape == clean.shape
    assert motion_blur(clean, 0.18, clip_generator("a", "blur")).shape == clean.shape
