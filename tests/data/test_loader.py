"""Workers outlive the signals that ask a run to stop, and nothing else."""

import subprocess
import sys

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
