"""Synthetic audio: finite events of any length, noise that a group shares in color only."""

import numpy as np
import pytest

from avme.media.synthetic_audio import HEARD, Heard, synthesize_event, synthesize_noise


@pytest.mark.parametrize("heard", HEARD)
def test_synthesize_event_is_equal_for_equal_seeds_and_not_silent(heard: Heard) -> None:
    first, again, other = (
        synthesize_event(heard, 16_000, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (16_000,)
    assert np.isfinite(first).all()
    assert first.std() > 0.05


def test_synthesize_noise_of_one_scene_has_one_hum() -> None:
    def peak_of(scene: int, clip: int) -> int:
        noise = synthesize_noise(
            16_000, np.random.default_rng(scene), np.random.default_rng(100 + clip)
        )
        return int(np.abs(np.fft.rfft(noise))[40:].argmax())

    assert peak_of(1, 1) == peak_of(1, 2)
    assert len({peak_of(scene, 1) for scene in range(4)}) == 4
