"""The timer counts work and nothing between, once."""

import time

import torch

from avme.train.metrics.device_timer import DeviceTimer


def test_timer_sums_work_without_pauses_and_starts_again() -> None:
    timer = DeviceTimer(torch.device("cpu"))
    for _ in range(2):
        with timer.measure():
            time.sleep(0.02)
        time.sleep(0.1)

    assert 40.0 <= timer.pop_ms() < 140.0
    assert timer.pop_ms() == 0.0
