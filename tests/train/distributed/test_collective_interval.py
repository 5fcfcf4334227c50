"""Processes agree every few seconds, however long a step takes, and all after the same one."""

from collections.abc import Callable

import pytest

from avme.train.distributed.collective_interval import CollectiveInterval, next_interval
from avme.train.distributed.process_group import Distributed

TWO_CLOCKS = """
import os, sys, time, torch
from avme.train.distributed.collective_interval import CollectiveInterval
from avme.train.distributed.process_group import init_distributed

with init_distributed(torch.device("cpu")) as processes:
    cadence, agreed, stopped = CollectiveInterval(processes, 7, seconds=0.3), [], 0
    for step in range(8, 408):
        time.sleep(0.004 if processes.is_rank0 else 0.001)
        if cadence.is_due(step):
            agreed.append(step)
            stops, _ = cadence.any_rank(step, processes.rank == 1 and step > 100, False)
            if stops:
                stopped = step
                break
    everybody = processes.all_gather((agreed, stopped))
    assert everybody[0] == everybody[1], everybody
    assert 100 < stopped < 407, everybody
    assert 4 <= len(agreed) < 40, everybody
"""


@pytest.mark.slow
def test_collective_interval_is_equal_on_ranks_with_different_clocks(
    run_ranks: Callable[..., None],
) -> None:
    run_ranks(2, TWO_CLOCKS)


@pytest.mark.parametrize("step_seconds", [0.002, 0.3, 4.0, 60.0])
def test_agreements_are_about_five_seconds_apart(step_seconds: float) -> None:
    steps = 1
    for _ in range(10):
        steps = next_interval(steps, steps * step_seconds, 5.0)

    assert steps * step_seconds == pytest.approx(max(5.0, step_seconds), rel=0.25)


def test_collective_interval_after_one_fast_step_stays_short() -> None:
    assert next_interval(3, 1e-6, 5.0) == 12


def test_collective_interval_of_one_rank_is_every_step() -> None:
    cadence = CollectiveInterval(Distributed(), 0)

    assert all(cadence.is_due(step) for step in (1, 2, 3))
    assert cadence.any_rank(1, True, False) == [True, False]
