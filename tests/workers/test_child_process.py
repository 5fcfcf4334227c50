"""Child processes: time limit, memory limit, output, and an end for all descendants."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avme.workers.child_process import limit_memory, start_python, wait_for_end


def start(program: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, start_new_session=True
    )


def test_wait_for_end_returns_exit_code_and_all_output() -> None:
    pieces: list[bytes] = []

    code = wait_for_end(
        start("import os; os.write(2, b'x' * 200_000); os._exit(7)"), 60.0, pieces.append
    )

    assert code == 7
    assert b"".join(pieces) == b"x" * 200_000


def test_wait_for_end_after_time_limit_kills_descendants_too(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen(['sleep', '600']); open({str(tmp_path / 'pid')!r}, 'w')"
        ".write(str(child.pid))\ntime.sleep(600)"
    )
    process = start(program)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)
    began = time.monotonic()

    code = wait_for_end(process, 0.1, lambda _: None)

    assert code is None
    assert time.monotonic() - began < 60
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_wait_for_end_interrupted_by_its_reader_kills_the_process() -> None:
    process = start("import os, time; os.write(2, b'x'); time.sleep(600)")

    def interrupt(_: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait_for_end(process, 60.0, interrupt)

    assert process.wait(60) == -signal.SIGKILL


@pytest.mark.slow
def test_limit_memory_makes_larger_allocations_fail() -> None:
    program = "import time; time.sleep(0.5); x = bytearray(2**31)"
    process, free = start(program), start(program)
    limit_memory(process, 2**30)
    pieces: list[bytes] = []

    assert wait_for_end(process, 60.0, pieces.append) == 1
    assert b"MemoryError" in b"".join(pieces)
    assert wait_for_end(free, 60.0, lambda _: None) == 0


def test_limit_memory_of_ended_process_does_nothing() -> None:
    process = start("")
    assert wait_for_end(process, 60.0, lambda _: None) == 0

    limit_memory(process, 2**30)


def test_start_python_passes_descriptor_path_and_environment() -> None:
    reads, writes = os.pipe()
    program = (
        "import os, signal, avme\n"
        "blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
        f"os.write({writes}, f\"{{os.environ['ODD']}} {{blocked}}\".encode())"
    )

    process = start_python(program, writes, ODD="value")
    os.close(writes)

    assert process.wait(60) == 0
    assert os.read(reads, 100) == b"value True"
    os.close(reads)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
