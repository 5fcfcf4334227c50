"""The first failure is told to all, silence counts as death, and who hangs is ended."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]

from avme.train.distributed import watchdog
from avme.train.distributed.watchdog import RankFailure, Watchdog, is_secondary_error

GLOO = RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:4711")
Meet = Callable[..., tuple[Watchdog, list[RankFailure]]]


@pytest.fixture
def store() -> TCPStore:
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


@pytest.fixture
def meet(store: TCPStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meet]:
    """Joins a rank of two; what it would end with goes to the list."""
    monkeypatch.setattr(watchdog, "BEAT_SECONDS", 0.05)
    joined = []

    def join(rank: int, silence_seconds: float = 60.0) -> tuple[Watchdog, list[RankFailure]]:
        ended: list[RankFailure] = []
        one = Watchdog(
            store.clone(),
            rank,
            2,
            silence_seconds=silence_seconds,
            grace_seconds=0.1,
            end=ended.append,
        )
        joined.append(one)
        return one, ended

    yield join
    for one in joined:
        one.leave()


def wait_for(ended: list[RankFailure]) -> RankFailure:
    deadline = time.monotonic() + 20
    while not ended and time.monotonic() < deadline:
        time.sleep(0.02)
    return ended[0]


def test_watchdog_reports_the_first_failure_on_all_ranks(meet: Meet) -> None:
    (first, _), (second, ended) = meet(0), meet(1)

    told = first.failed(ValueError("clip 7 is broken"))

    assert told == RankFailure("ValueError: clip 7 is broken", 0)
    assert str(told) == "rank 0: ValueError: clip 7 is broken"
    assert wait_for(ended) == told
    assert second.failed(GLOO) == told
    assert second.failed(KeyError("mine came later")) == told


def test_watchdog_names_a_dead_rank_immediately(meet: Meet, store: TCPStore) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    store.set("who/1", json.dumps([gone.pid, "here", watchdog._machine()]))

    one, ended = meet(0)

    failure = RankFailure(f"process {gone.pid} on here died: killed, or out of memory", 1)
    assert wait_for(ended) == failure
    assert one.failed(GLOO) == failure


def test_silence_from_another_machine_counts_as_death(meet: Meet, store: TCPStore) -> None:
    store.set("who/1", json.dumps([os.getpid(), "far", "another machine"]))
    store.set("beat/1", "1")

    _, ended = meet(0, silence_seconds=0.5)

    failure = wait_for(ended)
    assert failure.rank == 1
    assert failure.reason.startswith(f"process {os.getpid()} on far gave no sign of life for ")


@pytest.mark.slow
def test_watchdog_with_a_suspended_launcher_waits_for_its_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watchdog, "BEAT_SECONDS", 0.05)
    answers = threading.Event()

    class HangingStore(Store):
        def set(self, key: str, value: str) -> None:
            answers.wait()
            raise RuntimeError("no answer")

    ended: list[RankFailure] = []
    with subprocess.Popen(["sleep", "60"]) as launcher:
        launcher.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(os, "getppid", lambda: launcher.pid)
        one = Watchdog(
            HangingStore(), 0, 2, silence_seconds=0.3, grace_seconds=0.1, end=ended.append
        )
        time.sleep(1.5)
        assert ended == []

        launcher.send_signal(signal.SIGCONT)
        assert wait_for(ended).reason == watchdog._NO_STORE
        launcher.kill()
    answers.set()
    one.leave()


@pytest.mark.slow
def test_watchdog_leaves_living_and_finished_ranks_alone(meet: Meet) -> None:
    (one, mine), (other, theirs) = meet(0, 1.0), meet(1, 1.0)
    time.sleep(2.0)

    other.leave()
    time.sleep(2.0)
    one.leave()

    assert mine == theirs == []


def test_is_secondary_error_is_true_for_collective_calls_only() -> None:
    assert is_secondary_error(GLOO)
    assert not is_secondary_error(RuntimeError("out of memory"))
    assert not is_secondary_error(ValueError("gloo"))
