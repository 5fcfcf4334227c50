"""Low-pass filter."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from avme.corruptions.kinds import KINDS
from avme.corruptions.low_pass import low_pass
from tests.corruptions.inputs import SAMPLE_RATE_HZ, snr_db, voice

LEVELS = KINDS["low-pass"].levels
INSIDE = slice(4000, -4000)


def tone(frequency_hz: float) -> np.ndarray:
    seconds = np.arange(16_000) / SAMPLE_RATE_HZ
    return np.asarray(np.rint(10_000 * np.sin(2 * np.pi * frequency_hz * seconds)), dtype=np.int16)


@pytest.mark.parametrize("cutoff_hz", LEVELS)
@pytest.mark.parametrize(("times", "gain"), [(0.5, 1.0), (1.0, 2**-0.5), (1.9, 0.006)])
def test_tones_have_the_gain_of_the_filter(cutoff_hz: float, times: float, gain: float) -> None:
    clean = tone(times * cutoff_hz)

    kept = low_pass(clean, cutoff_hz)[INSIDE].std() / clean[INSIDE].std()

    assert kept == pytest.approx(gain, abs=0.01)


def test_filter_twice_is_that_of_scipy_in_both_directions() -> None:
    clean = voice(16_000)
    sections = butter(8, 500, fs=SAMPLE_RATE_HZ, output="sos")
    expected = sosfiltfilt(sections, clean.astype(float))

    found = low_pass(low_pass(clean, 500.0), 500.0)

    assert snr_db(np.rint(expected[INSIDE]).astype(np.int16), found[INSIDE]) > 35


def test_clicks_keep_their_time() -> None:
    clean = np.zeros(2001, dtype=np.int16)
    clean[700] = 30_000

    assert all(np.argmax(low_pass(clean, cutoff_hz)) == 700 for cutoff_hz in LEVELS)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 255])
def test_any_length_is_kept(length: int) -> None:
    assert len(low_pass(voice(300)[:length], 250.0)) == length


def test_constant_samples_stay() -> None:
    clean = np.full(99, -321, dtype=np.int16)

    assert (low_pass(clean, 250.0) == clean).all()
