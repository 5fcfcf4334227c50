"""Noise on audio."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.audio import signal_noise_ratio

from avme.corruptions.audio_noise import audio_noise, snr_of
from avme.corruptions.kinds import KINDS
from avme.corruptions.seeds import clip_generator
from tests.corruptions.inputs import voice

LEVELS = KINDS["audio-noise"].levels


def noisy(samples: np.ndarray, snr_db: float) -> np.ndarray:
    return audio_noise(samples, snr_db, clip_generator("clip", "audio-noise"))


@pytest.mark.parametrize("rms", [3.0, 2000.0, 9000.0])
@pytest.mark.parametrize("level", LEVELS)
def test_ratio_is_that_of_torchmetrics(rms: float, level: float) -> None:
    clean = voice(16_000, rms=rms)

    found = signal_noise_ratio(
        torch.from_numpy(noisy(clean, level)).double(),
        torch.from_numpy(clean).double(),
        zero_mean=True,
    )

    assert float(found) == pytest.approx(level, abs=0.05)


@pytest.mark.parametrize("value", [0, 500])
def test_silence_stays(value: int) -> None:
    clean = np.full(4000, value, dtype=np.int16)

    found = noisy(clean, 0.0)

    assert (found == clean).all()
    assert found is not clean


def test_noise_is_white_and_unrelated_to_the_samples() -> None:
    clean = voice(32_000)

    added = noisy(clean, 10.0).astype(float) - clean

    assert abs(np.mean(added[1:] * added[:-1])) < 0.03 * added.var()
    assert abs(np.corrcoef(added, clean)[0, 1]) < 0.03


def test_samples_at_full_scale_stay_in_range_and_reach_the_ratio() -> None:
    square = np.where(np.arange(8000) % 100 < 50, 32_767, -32_768).astype(np.int16)

    found = [snr_of(square, noisy(square, level)) for level in LEVELS]

    assert found == pytest.approx(list(LEVELS), abs=0.05)


def test_ratio_without_a_change_or_without_power_is_infinite() -> None:
    clean = voice(100)

    assert snr_of(clean, clean) == float("inf")
    assert snr_of(np.zeros(2, dtype=np.int16), np.ones(2, dtype=np.int16)) == float("-inf")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_few_samples_keep_their_length(length: int) -> None:
    assert len(noisy(voice(100)[50 : 50 + length], 5.0)) == length
