"""Contests: everybody's turn comes equally often, and the machine is left as it was."""

import os
import time

import torch

from avme.bench.timing import Candidate, one_core, run_interleaved
from avme.progress import NullReporter


def test_rounds_alternate_and_warming_up_does_not_count() -> None:
    done: list[str] = []
    contenders = [
        Candidate("a", lambda piece: done.append(f"a{piece}")),
        Candidate("b", lambda piece: done.append(f"b{piece}")),
    ]

    scores = run_interleaved(contenders, pieces=2, rounds=2, warm_up=1, report=NullReporter())

    assert done == ["a0", "b0", "a0", "a1", "b0", "b1", "b0", "b1", "a0", "a1"]
    assert [score.name for score in scores] == ["a", "b"]
    assert all(len(score.wall_seconds) == len(score.core_seconds) == 2 for score in scores)


def test_waiting_costs_the_wall_and_working_costs_the_core() -> None:
    def work(_: int) -> None:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass

    idle, busy = run_interleaved(
        [Candidate("idle", lambda _: time.sleep(0.05)), Candidate("busy", work)],
        pieces=1,
        rounds=3,
        warm_up=0,
        report=NullReporter(),
    )

    assert idle.median_wall_seconds >= 0.05 > 2 * idle.median_core_seconds
    assert busy.median_core_seconds >= 0.05


def test_one_core_restores_the_affinity_afterwards() -> None:
    before = (torch.get_num_threads(), os.sched_getaffinity(0))

    with one_core():
        inside = (torch.get_num_threads(), len(os.sched_getaffinity(0)))

    assert inside == (1, 1)
    assert (torch.get_num_threads(), os.sched_getaffinity(0)) == before
