"""One command on many devices: starts torchrun in this process, or joins one that runs already.

When RANK is set (torchrun or our own children) nothing is started. Children do not print
their errors: they leave them in a folder that the parent gave them, and the parent prints the
first one once, whichever rank it came from, and ends with its exit code. An error that only says
that a sibling is gone is an echo: it counts where there is nothing else.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Final

from avme.errors import AvmeError, MachineError, UsageError
from avme.io.run_status import amend_failure
from avme.system.cpu_count import TASKS_ARE_RANKS, limit_threads
from avme.train.distributed.early_stop import StoppedEarly
from avme.train.distributed.stop_signals import active_request

from .early_error import FAILURES

_SIGNALS: Final = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1")
"""Handed on to the ranks by torchrun; SIGINT is by `_Interrupts`."""
_SECONDS_TO_STOP: Final = "120"


class ChildFailed(AvmeError):
    """A process of a distributed run failed; carries its whole line and its exit code."""

    def __init__(
        self,
        message: str,
        exit_code: int,
        *,
        rank: int | None = None,
        was_killed: bool = False,
    ) -> None:
        super().__init__(message)
        self.exit_code, self.rank, self.was_killed = exit_code, rank, was_killed


def rank() -> int:
    """This process's number in a distributed run; 0 without one."""
    number = os.environ.get("RANK", "0")
    return int(number) if number.isdigit() else 0


def processes_here() -> int:
    """Return the processes of a distributed run on this machine; 1 without one."""
    number = os.environ.get("LOCAL_WORLD_SIZE", "1") if "RANK" in os.environ else "1"
    return int(number) if number.isdigit() and int(number) > 0 else 1


def device_setting(device: str | None, gpus: int | None, procs: int | None) -> str | None:
    """The device that the three options ask for together; raises UsageError if they disagree."""
    if gpus is not None and procs is not None:
        raise UsageError("--gpus and --procs exclude each other: give one")
    if gpus is not None and device == "cpu":
        raise UsageError("--gpus needs GPUs: with --device cpu give --procs")
    if procs is not None and device == "cuda":
        raise UsageError("--procs counts CPU processes: with --device cuda give --gpus")
    if gpus is not None:
        return "cuda"
    return "cpu" if procs is not None else device


def spread(gpus: int | None, procs: int | None, run: Path | None = None) -> bool:
    """Runs this command on many devices; False when this very process should do the work.

    `run` is the run folder that the command writes: its status.json names the process that fails
    without a word. Raises MachineError when there are fewer GPUs than asked for, and ChildFailed.
    """
    if TASKS_ARE_RANKS in os.environ and max(gpus or 1, procs or 1) > 1:
        raise UsageError(
            "--gpus and --procs start processes, which srun has done: leave them out, and give "
            "srun a task for each GPU"
        )
    if "RANK" in os.environ:
        return False
    if gpus is not None:
        _require_gpus(gpus)
    processes = gpus or procs or 1
    if processes == 1:
        return False
    began = time.time()
    try:
        run_on_all(processes, ["-m", "avme_cli", *sys.argv[1:]])
    except ChildFailed as error:
        if run is not None and error.was_killed:
            amend_failure(run, str(error).removeprefix("error: "), error.rank, since=began)
        raise
    return True


def run_on_all(processes: int, program: Sequence[str]) -> None:
    """Runs a Python program in `processes` processes that know each other."""
    import logging

    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    limit_threads(processes)
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", _SECONDS_TO_STOP)
    with TemporaryDirectory(prefix="avme-") as folder:
        os.environ[FAILURES] = folder
        options = [
            "--standalone",
            f"--nproc-per-node={processes}",
            f"--signals-to-handle={','.join(_heard())}",
        ]
        logging.disable(logging.CRITICAL)  # torchrun repeats every child's failure at length
        interrupts = _Interrupts(Path(folder))
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, interrupts.note)
        if (early := active_request()) is not None:
            early.unwatch()
        try:
            torchrun.main([*options, *program])
        except ChildFailedError as error:
            ends = {
                number: (failure.timestamp, failure.exitcode)
                for number, failure in error.failures.items()
            }
            raise _first_failure(Path(folder), ends) from error
        except SignalException as error:
            raise _after_signal(Path(folder), error.sigval.name) from error
        finally:
            signal.signal(signal.SIGINT, before)
            logging.disable(logging.NOTSET)
            del os.environ[FAILURES]


class _Interrupts:
    """Ctrl-C in the launcher, whose ranks have sessions of their own and do not get it.

    The first one goes to the ranks, by torchrun, and the launcher waits for them; the second one
    kills them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def note(self, number: int, _: FrameType | None) -> None:
        """Stop torchrun, and the ranks with it; at the second time end all of them at once."""
        from torch.distributed.elastic.multiprocessing.api import SignalException

        self.count += 1
        if self.count == 1:
            raise SignalException("interrupted", signal.Signals(number))
        for file in self.folder.glob("*.pid"):
            with suppress(OSError, ValueError):
                os.killpg(int(file.read_text(encoding="ascii")), signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(130)


def join_launcher() -> None:
    """In a child of ours, leave the number of this process, which leads its session."""
    folder = os.environ.get(FAILURES)
    if folder is not None and "RANK" in os.environ:
        with suppress(OSError):
            (Path(folder) / f"{rank()}.pid").write_text(str(os.getpid()), encoding="ascii")


def leave_failure(line: str, exit_code: int, *, is_echo: bool = False) -> bool:
    """In a child of ours, hands the error to the parent; False if this process has none."""
    folder = os.environ.get(FAILURES)
    if folder is None or "RANK" not in os.environ:
        return False
    failure = {"line": line, "exit_code": exit_code, "is_echo": is_echo}
    said = {"time": time.time(), "rank": rank(), **failure}
    temporary = Path(folder) / f"{rank()}.tmp"
    try:
        temporary.write_text(json.dumps(said), encoding="utf-8")
        temporary.rename(temporary.with_suffix(".json"))
    except OSError:  # the disk of TMPDIR is full, or the parent is gone
        return False
    return True


def _heard() -> list[str]:
    """The signals that this process was not started deaf to, as nohup makes it deaf to SIGHUP."""
    deaf = signal.SIG_IGN
    return [name for name in _SIGNALS if signal.getsignal(signal.Signals[name]) is not deaf]


def _first_failure(folder: Path, ends: Mapping[int, tuple[int, int]]) -> ChildFailed:
    """What to tell of children of whom torchrun noted a time, in whole seconds, and a code."""
    left = _left_in(folder)
    own = [failure for failure in left if not failure["is_echo"]]
    if own:
        return ChildFailed(own[0]["line"], own[0]["exit_code"])
    earliest = min(when for when, _ in ends.values())
    echoes = {failure["rank"] for failure in left}

    def order(end: tuple[int, tuple[int, int]]) -> tuple[bool, bool, bool, int, int]:
        """torchrun ends the survivors with SIGTERM, and SIGKILL in the end, and notes them too;
        whoever ended between two looks of it was noted in the same moment, cause and echo."""
        number, (when, code) = end
        return when > earliest + 1, code == -signal.SIGTERM, number in echoes, when, number

    number, (_, code) = min(ends.items(), key=order)
    if code < 0:
        guess = " (out of memory?)" if code == -signal.SIGKILL else ""
        line = f"error: rank {number} was killed by signal {-code}{guess}"
        return ChildFailed(line, 1, rank=number, was_killed=True)
    if left:
        return ChildFailed(left[0]["line"], left[0]["exit_code"])
    return ChildFailed(f"error: rank {number} ended with exit code {code}", max(code, 1))


def _after_signal(folder: Path, name: str) -> ChildFailed:
    left = _left_in(folder)
    if left:
        return ChildFailed(left[0]["line"], left[0]["exit_code"])
    if not any(folder.glob("*.pid")):  # no process had come to its first lines
        early = StoppedEarly(signal.Signals[name])
        return ChildFailed(f"error: {early}", early.exit_code)
    line = f"error: stopped by {name} before a checkpoint was written"
    return ChildFailed(line, 130 if name == "SIGINT" else 1)


def _left_in(folder: Path) -> list[dict[str, Any]]:
    """What children left, the first one first."""
    left = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")]
    return sorted(left, key=lambda failure: float(failure["time"]))


def _require_gpus(wanted: int) -> None:
    import torch

    found = torch.cuda.device_count()
    if found < wanted:
        raise MachineError(
            f"--gpus {wanted} asks for more GPUs than this machine has ({found}): "
            "ask for fewer, or give --device cpu"
        )
