"""Windows of samples equal slices of the zero-padded audio."""

import numpy as np
import pytest

from avme.audio.windows import first_samples, read_windows, window_length


@pytest.mark.parametrize("length", [1, 3, 40])
@pytest.mark.parametrize("num_samples", [0, 1, 20])
def test_read_windows_equals_slices_of_padded_audio(length: int, num_samples: int) -> None:
    samples = np.arange(1, num_samples + 1, dtype=np.int16)
    first = np.arange(-60, 60, dtype=np.int64)

    windows = read_windows(samples, first, length)

    padded = np.concatenate([np.zeros(100), samples, np.zeros(200)])
    expected = [padded[100 + at : 100 + at + length] for at in first]
    assert windows.dtype == np.int16
    assert np.array_equal(windows, expected)


def test_first_samples_are_the_nearest() -> None:
    starts = np.array([-1.0, 0.0, 0.00003, 0.00004, 1.0])

    assert first_samples(starts, 16_000).tolist() == [-16_000, 0, 0, 1, 16_000]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.025, 400), (0.0, 1), (1e-9, 1), (1.0, 16_000)]
)
def test_window_length_is_at_least_one_sample(seconds: float, expected: int) -> None:
    assert window_length(seconds, 16_000) == expected
