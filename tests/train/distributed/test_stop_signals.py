"""Signals stop a run that waits for data; a second Ctrl-C ends it at once."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from avme.errors import Interrupted, StoppedBySignal
from avme.train.distributed import stop_signals
from avme.train.distributed.stop_signals import (
    StopRequest,
    StopWaiting,
    interruptible,
    stop_requests,
)

SLEEPS = """
import signal, sys, time
from avme.train.distributed.stop_signals import stop_requests
if sys.argv[1] == "ignoring":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
with stop_requests() as request:
    print("ready", flush=True)
    while request.signal is None:
        time.sleep(0.01)
    print(request.signal, flush=True)
    time.sleep(60)
"""


def slow(seconds: float) -> Iterator[int]:
    yield 1
    time.sleep(seconds)
    yield 2


def wait_for(running: Any, text: str) -> None:
    deadline = time.monotonic() + 60
    while running.printed != text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.printed == text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_interruptible_wait_for_data_ends_soon_after_a_request(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_signals, "_SECONDS_ALONE", 0.05)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a script may ignore it
    seen: list[int] = []

    with stop_requests() as request, pytest.raises(StopWaiting):  # noqa: PT012
        for item in interruptible(slow(60.0), world=1):
            seen.append(item)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGINT, before)
    assert (seen, request.signal) == ([1], number.name)


def test_data_that_comes_in_time_is_given_although_a_stop_was_asked_for() -> None:
    with stop_requests() as request:
        seen = []
        for item in interruptible(slow(0.05), world=1):
            seen.append(item)
            os.kill(os.getpid(), signal.SIGTERM)

    assert (seen, request.signal) == ([1, 2], "SIGTERM")
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_interruptible_outside_of_a_run_yields_everything() -> None:
    assert list(interruptible(slow(0.0), world=1)) == [1, 2]


@pytest.mark.slow
def test_stop_requests_end_the_process_at_a_second_ctrl_c(start: Callable[..., Any]) -> None:
    running = start(["-c", SLEEPS, "hearing"])
    wait_for(running, "ready\n")

    os.kill(running.pid, signal.SIGINT)
    wait_for(running, "ready\nSIGINT\n")
    os.kill(running.pid, signal.SIGINT)

    assert running.wait(20) == -signal.SIGINT
    assert "Ctrl-C again" in running.said


@pytest.mark.slow
def test_stop_requests_keep_ctrl_c_ignored_if_it_was(start: Callable[..., Any]) -> None:
    running = start(["-c", SLEEPS, "ignoring"])
    wait_for(running, "ready\n")

    os.kill(running.pid, signal.SIGINT)
    time.sleep(0.3)
    os.kill(running.pid, signal.SIGTERM)

    wait_for(running, "ready\nSIGTERM\n")
    os.kill(running.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("number", "is_ctrl_c", "kind", "name"),
    [
        (None, False, StoppedBySignal, "another rank"),
        (None, True, Interrupted, "Ctrl-C"),
        (signal.SIGTERM, False, StoppedBySignal, "SIGTERM"),
    ],
)
def test_error_of_a_request_names_what_stopped_the_run(
    number: int | None, is_ctrl_c: bool, kind: type[StoppedBySignal], name: str
) -> None:
    request = StopRequest()
    if number is not None:
        request.note(number, None)

    error = request.error("step 3 of 8", "saved", is_ctrl_c=is_ctrl_c)

    assert type(error) is kind
    assert str(error) == f"stopped at step 3 of 8 by {name}, saved"
    assert request.flags == (number is not None, False)
