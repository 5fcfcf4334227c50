"""End of a process without the teardown of its modules."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading, time, types
from avme_cli.launch.fast_exit import run_then_exit
sys.modules["torch"] = types.ModuleType("torch")
class Slow:
    def __del__(self): print("teardown", flush=True)
kept = Slow()
def late():
    time.sleep(0.2)
    print("thread")
def run():
    atexit.register(print, "handler")
    threading.Thread(target=late).start()
    print("answer", end=" ")
    print("line", end="", file=sys.stderr)
    {end}
run_then_exit(run)
"""


@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("sys.exit(3)", 3), ("sys.exit()", 0)])
def test_run_then_exit_runs_handlers_and_skips_teardown(end: str, code: int) -> None:
    program = PROGRAM.format(end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout == "answer thread\nhandler\n"
    assert (done.stderr, done.returncode) == ("line", code)


@pytest.mark.parametrize(("end", "said"), [("sys.exit('words')", "words"), ("1 / 0", "ZeroDiv")])
def test_run_then_exit_leaves_other_ends_to_python(end: str, said: str) -> None:
    program = PROGRAM.format(end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 1
    assert said in done.stderr
    assert "teardown" in done.stdout
