"""What a run will take is measured on its first steps, the very first one left out."""

import torch

from avme.train.metrics.time_estimate import DAY, Estimate, cpu_gflops, duration

CPU = torch.device("cpu")


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(
    lengths: list[float], *, total: int, epoch_ends: tuple[float, ...] = (), advice: str = ""
) -> Estimate:
    clock = Clock()
    estimate = Estimate(CPU, total, steps_per_epoch=10, advice=advice, clock=clock)
    for seconds in lengths:
        with estimate.step():
            clock.now += seconds
    for seconds in epoch_ends:
        with estimate.epoch_end():
            clock.now += seconds
    return estimate


def test_ten_steps_are_timed_without_the_first() -> None:
    estimate = timed([100.0] + [2.0] * 9, total=100)

    assert not estimate.is_due()

    estimate = timed([100.0] + [2.0] * 10, total=100)

    assert estimate.is_due()
    assert estimate.seconds_left(11) == 89 * 2.0


def test_estimate_of_long_steps_is_logged_after_a_minute() -> None:
    assert timed([100.0, 61.0], total=100).is_due()
    assert not timed([100.0, 59.0], total=100).is_due()
    assert not timed([100.0], total=100).is_due()


def test_validations_that_were_measured_are_added_for_every_epoch_that_is_left() -> None:
    estimate = timed([1.0] + [1.0] * 10, total=40, epoch_ends=(5.0,))

    assert estimate.seconds_left(11) == 29 * 1.0 + 3 * 5.0


def test_estimate_is_logged_once_with_its_basis() -> None:
    estimate = timed([9.0] + [0.5] * 10, total=1211)

    (line,) = estimate.lines(11, validates=True)

    assert line == (
        "estimate: 0.5 s a step (mean of 10 steps), 10 min for the 1,200 steps left, "
        "without validation"
    )
    assert not estimate.is_due()


def test_estimate_of_days_on_cpu_warns() -> None:
    slow = timed([1.0] + [60.0] * 10, total=11 + 1440 * 3, advice="take --preset tiny")
    quick = timed([1.0] + [60.0] * 10, total=11 + 1439, advice="take --preset tiny")

    assert list(slow.lines(11, validates=False))[1:] == [
        "warning: 3 days on this CPU: take --preset tiny"
    ]
    assert len(list(quick.lines(11, validates=False))) == 1


def test_lengths_of_time_have_two_units_at_most() -> None:
    told = {
        0.0123: "0.012 s",
        42.4: "42 s",
        150.0: "2 min 30 s",
        1800.0: "30 min",
        3 * 3600.0 + 20 * 60: "3 h 20 min",
        DAY: "1 day",
        5 * DAY + 3 * 3600: "5 days 3 h",
        2000 * DAY: "2,000 days",
    }

    assert {seconds: duration(seconds) for seconds in told} == told


def test_cpu_gflops_measures_a_matrix_product() -> None:
    assert 0.01 < cpu_gflops() < 1e6
