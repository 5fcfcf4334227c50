"""What a call elsewhere does to itself, it does to nobody else."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avme.errors import MediaError, UsageError
from avme.media.span import Span
from avme.workers.sandbox import Sandbox


@pytest.fixture
def aside() -> Iterator[Sandbox]:
    made = Sandbox(memory_bytes=256 * 1024 * 1024)
    yield made
    made.stop()


def test_sandbox_call_returns_the_result(aside: Sandbox) -> None:
    assert aside.call(30.0, divmod, 7, 2) == (3, 1)


def test_our_own_errors_come_back_as_they_are(aside: Sandbox) -> None:
    with pytest.raises(UsageError, match="0 <= start < end"):
        aside.call(30.0, Span, 2.0, 1.0)


def test_sandbox_crash_costs_one_call(aside: Sandbox) -> None:
    with pytest.raises(MediaError, match="crashed") as caught:
        aside.call(30.0, os.abort)

    assert caught.value.reason == "crashed"
    assert aside.call(30.0, len, "four") == 4


def test_sandbox_call_that_hangs_is_ended(aside: Sandbox) -> None:
    aside.call(30.0, len, "start it")
    began = time.monotonic()

    with pytest.raises(MediaError, match=r"0\.2 s") as caught:
        aside.call(0.2, time.sleep, 60)

    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 20
    assert aside.call(30.0, len, "four") == 4


IN_A_DAEMON = """
import multiprocessing
from avme.workers.sandbox import Sandbox
def work():
    print(Sandbox(None).call(30.0, divmod, 7, 2), flush=True)
process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
process.start()
process.join()
"""


def test_sandbox_in_process_without_children_works() -> None:
    """Such as a worker that a nanny of Dask watches over."""
    said = subprocess.check_output([sys.executable, "-c", IN_A_DAEMON], text=True)

    assert said == "(3, 1)\n"


def test_sandbox_that_hangs_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import os, threading, time; from avme.workers.sandbox import Sandbox; "
        "aside = Sandbox(None); "
        "print(aside.call(30.0, os.getpid), flush=True); "
        "threading.Timer(0.5, os._exit, [0]).start(); aside.call(60.0, time.sleep, 60)"
    )
    said = subprocess.check_output([sys.executable, "-c", program], text=True)

    for _ in range(100):
        if not Path(f"/proc/{int(said)}").exists():
            break
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(int(said), 0)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit is Linux's")
def test_sandbox_call_is_limited_in_memory(aside: Sandbox) -> None:
    with pytest.raises(MediaError, match="MemoryError") as caught:
        aside.call(30.0, bytearray, 512 * 1024 * 1024)

    assert caught.value.reason == "unforeseen"
    assert len(aside.call(30.0, bytearray, 1024)) == 1024


def test_sandbox_error_of_any_kind_is_a_media_error(aside: Sandbox) -> None:
    with pytest.raises(MediaError, match="ValueError") as caught:
        aside.call(30.0, int, "no number")

    assert caught.value.reason == "unforeseen"


PRELOADED = """
import sys, threading
SAID = "'fractions' in __import__('sys').modules, 6 * 7"
from avme.workers.sandbox import get_sandbox, preload_sandbox
{before}
preload_sandbox("fractions")
print(*get_sandbox({memory_bytes}).call(30.0, eval, SAID))
print("fractions" in sys.modules)
"""


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("", "True 42\nFalse\n"),
        (
            "threading.Thread(target=threading.Event().wait, daemon=True).start()",
            "False 42\nFalse\n",
        ),
    ],
    ids=["alone", "beside a thread"],
)
def test_preload_sandbox_imports_modules_in_the_child_alone(before: str, said: str) -> None:
    program = PRELOADED.format(before=before, memory_bytes=256 * 1024 * 1024)
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == said


def test_preload_sandbox_limits_the_memory_of_calls() -> None:
    program = PRELOADED.format(before="", memory_bytes=256 * 1024 * 1024) + (
        "get_sandbox(256 * 1024 * 1024).call(30.0, bytearray, 512 * 1024 * 1024)"
    )
    done = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True)

    assert done.returncode == 1
    assert "MediaError: MemoryError" in done.stderr


def test_preload_sandbox_without_a_call_ends_with_its_parent() -> None:
    program = (
        "from avme.workers.sandbox import _ahead, preload_sandbox; preload_sandbox('json'); "
        "print(_ahead[0][0].pid)"
    )
    pid = int(subprocess.check_output([sys.executable, "-c", program], text=True))

    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
