"""Rates: scaled to the batch, linear up, half a cosine down."""

import math

import pytest

from avme.config import OptimConfig
from avme.train.schedule import build_schedule


def test_videomaes_ucf101_rates() -> None:
    schedule = build_schedule(OptimConfig(lr=3e-4, min_lr=1e-5, warmup_epochs=40), 192, 3200, 49)

    assert schedule.peak == pytest.approx(2.25e-4)
    assert schedule.floor == pytest.approx(7.5e-6)
    assert schedule.warmup_steps == 1960


def test_the_rate_rises_linearly_and_falls_as_half_a_cosine() -> None:
    schedule = build_schedule(OptimConfig(lr=1.0, min_lr=0.0, warmup_epochs=1), 256, 3, 10)
    rates = [schedule.rate(step) for step in range(30)]

    assert rates[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[20] == pytest.approx(0.5)
    assert rates[15] == pytest.approx(0.5 + 0.5 * math.cos(math.pi / 4))
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_a_warm_up_longer_than_the_run_is_cut() -> None:
    schedule = build_schedule(OptimConfig(warmup_epochs=40), 256, 3, 10)

    assert schedule.warmup_steps == 30
