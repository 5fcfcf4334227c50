"""A stop signal ends work that has nothing to save, and the loader processes that hang with it."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.errors import StoppedBySignal
from avme.train.distributed.interrupt import ended_by_signals

WAITS_FOR_A_WORKER = """
import multiprocessing, torch
from avme.batch import AVBatch
from avme.data.dataloader import build_loader
from avme.errors import StoppedBySignal
from avme.train.distributed.interrupt import ended_by_signals

clip = AVBatch(
    video=torch.zeros(1, 3, 2, 2, 2, dtype=torch.uint8),
    mfcc=torch.zeros(1, 3, 2),
    audio_valid=torch.ones(1, 3, dtype=torch.bool),
    label=torch.zeros(1, dtype=torch.int64),
    clip=torch.zeros(1, dtype=torch.int64),
    seed=torch.zeros(1, dtype=torch.int64),
)
try:
    with ended_by_signals():
        stream = iter(build_loader([clip], [[0]] * 1_000_000, workers=1, pin=False))
        print(multiprocessing.active_children()[0].pid, flush=True)
        while True:
            next(stream)
except StoppedBySignal as error:
    print(error, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_ended_by_signals_raises_an_error_that_names_the_signal(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    with (
        pytest.raises(StoppedBySignal, match=f"stopped by {number.name}, nothing"),
        ended_by_signals(),
    ):
        signal.raise_signal(number)

    assert signal.getsignal(number) is before


def test_ended_by_signals_keeps_an_ignored_signal_ignored() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.slow
def test_ended_by_signals_waits_for_no_suspended_worker(start: Callable[..., Any]) -> None:
    program = start(["-c", WAITS_FOR_A_WORKER])
    deadline = time.monotonic() + 60
    while not program.printed.endswith("\n") and time.monotonic() < deadline:
        time.sleep(0.01)
    worker = int(program.printed)
    os.kill(worker, signal.SIGSTOP)
    os.kill(program.pid, signal.SIGTERM)

    assert program.wait(30) == 0
    assert program.printed.splitlines()[1].startswith("stopped by SIGTERM, nothing was written")
    assert program.said == ""
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()
