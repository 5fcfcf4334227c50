"""Where the time of a step went, and means over steps and processes."""

import time
from typing import Any

import pytest
import torch
from torch import Tensor

from avme.train.distributed.process_group import Distributed
from avme.train.metrics.metric_meter import MEASURED, MetricMeter

CPU = torch.device("cpu")


def step(
    meter: MetricMeter, loss: float, *, waits: float = 0.0, works: float = 0.0
) -> dict[str, Any]:
    began = time.perf_counter()
    time.sleep(waits)
    with meter.clock.measure():
        time.sleep(works)
    return {
        "lr": 0.1,
        "began": began,
        "waited": waits,
        "figures": {"loss": torch.tensor(loss)},
    }


def test_metric_meter_separates_waiting_from_computing() -> None:
    meter = MetricMeter(8, CPU)
    for _ in range(2):
        meter.add(step(meter, 1.0, waits=0.02, works=0.05))

    numbers = meter.numbers(Distributed())

    assert numbers["data_wait_ms"] == pytest.approx(20.0, rel=1e-3)
    assert 50.0 <= numbers["device_ms"] <= numbers["step_ms"] - 20.0
    assert numbers["clips_per_second"] == pytest.approx(8e3 / numbers["step_ms"])


def test_metric_meter_excludes_paused_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    meter = MetricMeter(8, CPU)
    for seconds in (0.01, 0.03):
        meter.add(step(meter, 1.0))
        now[0] += seconds
        with meter.pause():
            now[0] += 0.5

    assert meter.numbers(Distributed())["step_ms"] == pytest.approx(20.0)


def test_metric_meter_reports_mfu_only_for_known_peak() -> None:
    unknown, known = MetricMeter(8, CPU), MetricMeter(8, CPU)
    known.max_clips_per_second = 1e6
    for meter in (unknown, known):
        meter.add(step(meter, 1.0, works=0.01))

    assert "mfu" not in unknown.numbers(Distributed())
    numbers = known.numbers(Distributed())
    assert numbers["mfu"] == pytest.approx(numbers["clips_per_second"] / 1e6)
    assert set(MEASURED) == set(numbers) - {"loss", "lr"}


def test_metric_meter_of_several_ranks_averages_losses_and_takes_the_slowest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other process is played by what the one collective call returns."""
    meter, processes = MetricMeter(8, CPU), Distributed(rank=1, world=2)
    meter.add(step(meter, 3.0, waits=0.01))

    def mean(_: Distributed, own: Tensor) -> Tensor:
        assert own.shape == (1 + 2 * 3,)
        assert own[1:4].tolist() == [0.0, 0.0, 0.0]
        other = torch.tensor([1.0, 70.0, 5.0, 1e7, 0.0, 0.0, 0.0])
        return (own + other) / 2

    monkeypatch.setattr(Distributed, "mean", mean)
    numbers = meter.numbers(processes)

    assert numbers["loss"] == 2.0
    assert (numbers["data_wait_ms"], numbers["memory_mb"]) == (70.0, 1e7)
