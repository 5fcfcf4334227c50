"""Interleaved timing of several implementations of one job.

CPU seconds include all threads and child processes. On a shared machine they are more reliable than
wall time.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch

from avme.progress import Reporter


@dataclass(frozen=True, slots=True)
class Candidate:
    """Implementation of the job, called with the number of a work item."""

    name: str
    work: Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one candidate for all work items, by round."""

    name: str
    wall_seconds: tuple[float, ...]
    core_seconds: tuple[float, ...]

    @property
    def median_wall_seconds(self) -> float:
        """Median over the rounds."""
        return median(self.wall_seconds)

    @property
    def median_core_seconds(self) -> float:
        """Median over the rounds."""
        return median(self.core_seconds)


def run_interleaved(
    contenders: Sequence[Candidate], *, pieces: int, rounds: int, warm_up: int, report: Reporter
) -> tuple[Timing, ...]:
    """Run every candidate on all items once per round, the first candidate rotating.

    The first `warm_up` items are run beforehand without timing.

    Args:
        contenders: Candidates by name.
        pieces: Number of work items.
        rounds: Number of rounds.
        warm_up: Untimed items.
        report: Receives progress.
    """
    for contender in contenders:
        for piece in range(warm_up):
            contender.work(piece)
    spent: dict[str, list[tuple[float, float]]] = {each.name: [] for each in contenders}
    with report.task("bench", total=rounds * len(contenders)) as progress:
        for turn in range(rounds):
            first = turn % len(contenders)
            for contender in (*contenders[first:], *contenders[:first]):
                spent[contender.name].append(_timed(contender, pieces))
                progress.advance(note=contender.name)
    return tuple(
        Timing(name, tuple(wall for wall, _ in pairs), tuple(core for _, core in pairs))
        for name, pairs in spent.items()
    )


@contextmanager
def one_core() -> Iterator[None]:
    """Bind everything started inside to one core, if the system supports it."""
    threads = torch.get_num_threads()
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    try:
        torch.set_num_threads(1)
        if allowed:
            os.sched_setaffinity(0, {max(allowed)})
        yield
    finally:
        torch.set_num_threads(threads)
        if allowed:
            os.sched_setaffinity(0, allowed)


def _timed(contender: Candidate, pieces: int) -> tuple[float, float]:
    wall, core = time.perf_counter(), _core_seconds()
    for piece in range(pieces):
        contender.work(piece)
    return time.perf_counter() - wall, _core_seconds() - core


def _core_seconds() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system
