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


def test_schedule_rises_linearly_and_falls_as_half_a_cosine() -> None:
    schedule = build_schedule(OptimConfig(lr=1.0, min_lr=0.0, warmup_epochs=1), 256, 3, 10)
    rates = [schedule.rate(step) for step in range(30)]

    assert rates[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[20] == pytest.approx(0.5)
    assert rates[15] == pytest.approx(0.5 + 0.5 * math.cos(math.pi / 4))
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_schedule_with_warm_up_longer_than_the_run_cuts_it() -> None:
    schedule = build_schedule(OptimConfig(warmup_epochs=40), 256, 3, 10)

    assert schedule.warmup_steps == 30


def test_another_end_bends_the_cosine_where_the_run_stands() -> None:
    begun = build_schedule(OptimConfig(lr=1.0, min_lr=0.1, warmup_epochs=1), 256, 3, 10)

    bent = begun.bent(20, 60)

    there = begun.rate(20)
    wanted = [0.1 + (there - 0.1) * (1 + math.cos(math.pi * k / 40)) / 2 for k in range(41)]
    assert [bent.rate(step) for step in range(20)] == [begun.rate(step) for step in range(20)]
    assert [bent.rate(step) for step in range(20, 61)] == pytest.approx(wanted)
    assert bent.total_steps == 60


def test_schedule_with_earlier_end_reaches_the_lowest_rate() -> None:
    begun = build_schedule(OptimConfig(lr=1.0, min_lr=0.1, warmup_epochs=1), 256, 30, 10)

    bent = begun.bent(50, 100)

    assert bent.rate(50) == begun.rate(50)
    assert bent.rate(75) == pytest.approx((begun.rate(50) + 0.1) / 2)
    assert bent.rate(100) == pytest.approx(0.1)


def test_schedule_extended_in_warm_up_finishes_it_first() -> None:
    begun = build_schedule(OptimConfig(lr=1.0, min_lr=0.0, warmup_epochs=2), 256, 10, 10)

    bent = begun.bent(5, 40)

    assert [bent.rate(step) for step in range(20)] == [begun.rate(step) for step in range(20)]
    assert bent.rate(20) == 1.0
    assert bent.rate(30) == pytest.approx(0.5)


def test_schedule_of_finished_run_continues_at_the_lowest_rate() -> None:
    begun = build_schedule(OptimConfig(lr=1.0, min_lr=0.1, warmup_epochs=0), 256, 2, 10)

    finished = begun.bent(20, 40)
    twice = begun.bent(10, 40).bent(20, 30)

    assert {round(finished.rate(step), 12) for step in range(20, 40)} == {0.1}
    assert twice.rate(15) == begun.bent(10, 40).rate(15)
    assert twice.rate(30) == pytest.approx(0.1)


@pytest.mark.parametrize(("step", "end"), [(20, 20), (20, 10), (0, 10)])
def test_schedule_with_end_in_the_past_is_refused(step: int, end: int) -> None:
    begun = build_schedule(OptimConfig(warmup_epochs=1), 256, 3, 10)

    with pytest.raises(ValueError, match="is not before"):
        begun.bent(step, end)
