"""Brightness and contrast."""

import numpy as np
import pytest

from avme.corruptions.exposure import brightness, contrast
from avme.corruptions.kinds import KINDS
from tests.corruptions.inputs import texture


@pytest.mark.parametrize("level", KINDS["brightness"].levels)
def test_brightness_adds_an_offset_up_to_white(level: float) -> None:
    clean = texture(2, 16, 16)

    found = brightness(clean, level)

    assert (found == np.minimum(clean.astype(int) + round(255 * level), 255)).all()


@pytest.mark.parametrize("level", KINDS["contrast"].levels)
def test_contrast_scales_the_deviation_about_the_same_mean(level: float) -> None:
    clean = texture(4, 32, 32)

    found = contrast(clean, level)

    assert found.std() / clean.std() == pytest.approx(level, rel=0.02)
    assert found.mean() == pytest.approx(clean.mean(), abs=0.5)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_contrast_of_a_constant_frame_is_none(value: int) -> None:
    clean = np.full((1, 5, 5, 3), value, dtype=np.uint8)

    assert (contrast(clean, 0.1) == value).all()
