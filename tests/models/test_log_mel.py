"""Log-mel on the device is that of numpy."""

import numpy as np
import pytest
import torch

from avme.audio.log_mel import log_mel_rows
from avme.audio.windows import first_samples, read_windows
from avme.models.log_mel import LogMel

RATE = 16_000


@pytest.mark.parametrize("num_mels", [40, 64, 128])
@pytest.mark.parametrize("window_seconds", [0.025, 0.1])
def test_log_mel_equals_numpy(num_mels: int, window_seconds: float) -> None:
    rng = np.random.default_rng(0)
    samples = rng.integers(-9000, 9000, RATE).astype(np.int16)
    samples[:3000] //= 1000  # quiet
    starts = np.arange(-0.2, 1.1, 0.01)
    length = round(window_seconds * RATE)
    windows = read_windows(samples, first_samples(starts, RATE), length)

    rows = LogMel(num_mels, length, RATE)(torch.from_numpy(windows))

    expected = log_mel_rows(samples, RATE, starts, window_seconds, num_mels)
    assert rows.dtype == torch.float32
    assert np.allclose(rows.numpy(), expected, atol=2e-3)


def test_log_mel_of_batch_equals_its_clips() -> None:
    windows = torch.randint(-9000, 9000, (2, 5, 400), dtype=torch.int16)
    log_mel = LogMel(40, 400, RATE)

    rows = log_mel(windows)

    assert rows.shape == (2, 5, 40)
    torch.testing.assert_close(rows[1], log_mel(windows[1]))
    assert not list(log_mel.parameters())
    assert not log_mel.state_dict()


def test_log_mel_under_autocast_keeps_single_precision() -> None:
    windows = torch.randint(-9000, 9000, (5, 400), dtype=torch.int16)
    log_mel = LogMel(40, 400, RATE)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        rows = log_mel(windows)

    assert torch.equal(rows, log_mel(windows))
