"""Contests: everybody's turn comes equally often, and the machine is left as it was."""

import os
import time

import torch

from avme.bench.timing import Contender, compete, one_core
from avme.progress import Quiet


def test_rounds_alternate_and_warming_up_does_not_count() -> None:
    done: list[str] = []
    contenders = [
        Contender("a", lambda piece: done.append(f"a{piece}")),
        Contender("b", lambda piece: done.append(f"b{piece}")),
    ]

    scores = compete(contenders, pieces=2, rounds=2, warm_up=1, report=Quiet())

    assert done == ["a0", "b0", "a0", "a1", "b0", "b1", "b0", "b1", "a0", "a1"]
    assert [score.name for score in scores] == ["a", "b"]
    assert all(len(score.wall_seconds) == len(score.core_seconds) == 2 for score in scores)


def test_waiting_costs_the_wall_and_working_costs_the_core() -> None:
    def work(_: int) -> None:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass

    idle, busy = compete(
        [Contender("idle", lambda _: time.sleep(0.05)), Contender("busy", work)],
        pieces=1,
        rounds=3,
        warm_up=0,
        report=Quiet(),
    )

    assert idle.usual_wall_seconds >= 0.05 > 2 * idle.usual_core_seconds
    assert busy.usual_core_seconds >= 0.05


def test_one_core_is_lent_and_given_back() -> None:
    before = (torch.get_num_threads(), os.sched_getaffinity(0))

    with one_core():
        inside = (torch.get_num_threads(), len(os.sched_getaffinity(0)))

    assert inside == (1, 1)
    assert (torch.get_num_threads(), os.sched_getaffinity(0)) == before
