"""Workers outlive the signals that ask a run to stop, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENDS_WITH_A_BUSY_WORKER = """
import multiprocessing, os, signal, time
from avme.data import loader

def hear(number, frame):
    print("heard", flush=True)

def send():
    for number in (signal.SIGTERM, signal.SIGUSR1):
        os.killpg(0, number)
        time.sleep(0.3)

signal.signal(signal.SIGTERM, hear)
signal.signal(signal.SIGUSR1, hear)
loader._start_server()
send()
work = dict(target=time.sleep, args=(60,), daemon=True)
worker = multiprocessing.get_context("forkserver").Process(**work)
worker.start()
send()
print("alive" if worker.is_alive() else "dead", flush=True)
"""


WAITS_WITH_A_WORKER = """
import multiprocessing, time, torch
from avme.batch import AVBatch
from avme.data.loader import build_loader

clip = AVBatch(
    video=torch.zeros(1, 3, 2, 2, 2, dtype=torch.uint8),
    mfcc=torch.zeros(1, 3, 2),
    audio_valid=torch.ones(1, 3, dtype=torch.bool),
    label=torch.zeros(1, dtype=torch.int64),
    clip=torch.zeros(1, dtype=torch.int64),
    seed=torch.zeros(1, dtype=torch.int64),
)
stream = iter(build_loader([clip] * 64, [[n] for n in range(64)], workers=1, pin=False))
next(stream)
print(multiprocessing.active_children()[0].pid, flush=True)
time.sleep(60)
"""


def test_a_worker_ends_with_a_parent_that_is_killed(start: Callable[..., Any]) -> None:
    parent = start(["-c", WAITS_WITH_A_WORKER])
    deadline = time.monotonic() + 60
    while not parent.printed.endswith("\n") and time.monotonic() < deadline:
        time.sleep(0.01)
    worker = Path(f"/proc/{int(parent.printed)}")
    assert worker.exists()
    os.kill(parent.pid, signal.SIGKILL)

    deadline = time.monotonic() + 20
    while worker.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not worker.exists()


def test_stop_signals_are_for_the_process_alone_and_its_end_is_that_of_its_workers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS_WITH_A_BUSY_WORKER],
        capture_output=True,
        text=True,
        timeout=50,  # the worker alone would take sixty
        start_new_session=True,
    )

    assert done.stdout.split() == ["heard"] * 4 + ["alive"]
    assert (done.returncode, done.stderr) == (0, "")
