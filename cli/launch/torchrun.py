"""Launcher: start one command on many devices with torchrun.

If RANK is set (torchrun or avme's own children) nothing is started. Children do not print errors:
they write them to a folder of the parent (rank.py), which prints the first one once, whichever rank
it came from, and exits with its code. An error that only reports the loss of another rank is
secondary: it counts if there is no other.
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

from avme.errors import SystemRequirementError, UsageError
from avme.io.run_status import amend_failure
from avme.system.cpu_count import TASKS_ARE_RANKS, limit_threads
from avme.train.distributed.early_stop import StoppedEarly
from avme.train.distributed.stop_signals import active_request

from .early_error import FAILURES
from .rank import RankFailed

_SIGNALS: Final = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1")
"""Signals that torchrun forwards to the ranks; SIGINT is handled by `_Interrupts`."""
_SECONDS_TO_STOP: Final = "120"


def device_setting(device: str | None, gpus: int | None, procs: int | None) -> str | None:
    """Return the device setting of the three options; raises UsageError if they conflict.

    Args:
        device: Value of `--device`.
        gpus: Value of `--gpus`.
        procs: Value of `--procs`.
    """
    if gpus is not None and procs is not None:
        raise UsageError("--gpus and --procs exclude each other: give one")
    if gpus is not None and device == "cpu":
        raise UsageError("--gpus needs GPUs: with --device cpu give --procs")
    if procs is not None and device == "cuda":
        raise UsageError("--procs counts CPU processes: with --device cuda give --gpus")
    if gpus is not None:
        return "cuda"
    return "cpu" if procs is not None else device


def launch_ranks(gpus: int | None, procs: int | None, run: Path | None = None) -> bool:
    """Run this command on many devices; return False if this process should do the work.

    Args:
        gpus: Number of GPUs.
        procs: Number of CPU processes.
        run: Run folder; its status.json gets the failure of a killed rank.

    Raises:
        SystemRequirementError: Fewer GPUs than requested.
        RankFailed: A rank failed.
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
        run_torchrun(processes, ["-m", "avme_cli", *sys.argv[1:]])
    except RankFailed as error:
        if run is not None and error.was_killed:
            amend_failure(run, str(error).removeprefix("error: "), error.rank, since=began)
        raise
    return True


def run_torchrun(processes: int, program: Sequence[str]) -> None:
    """Run a Python program in `processes` ranks of one group."""
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
            f"--signals-to-handle={','.join(_handled_signals())}",
        ]
        logging.disable(logging.CRITICAL)  # torchrun would print every child's failure at length
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
    """Ctrl-C in the launcher, whose ranks have their own sessions and do not receive it.

    The first one stops the ranks through torchrun, and the launcher waits for them; the second one
    kills them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def note(self, number: int, _: FrameType | None) -> None:
        """Stop torchrun and its ranks; the second time kill them."""
        from torch.distributed.elastic.multiprocessing.api import SignalException

        self.count += 1
        if self.count == 1:
            raise SignalException("interrupted", signal.Signals(number))
        for file in self.folder.glob("*.pid"):
            with suppress(OSError, ValueError):
                os.killpg(int(file.read_text(encoding="ascii")), signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(130)


def _handled_signals() -> list[str]:
    """Return the signals that are not ignored, as nohup ignores SIGHUP."""
    deaf = signal.SIG_IGN
    return [name for name in _SIGNALS if signal.getsignal(signal.Signals[name]) is not deaf]


def _first_failure(folder: Path, ends: Mapping[int, tuple[int, int]]) -> RankFailed:
    """Return the first failure, from torchrun's end times in whole seconds and exit codes."""
    left = _left_in(folder)
    own = [failure for failure in left if not failure["is_echo"]]
    if own:
        return RankFailed(own[0]["line"], own[0]["exit_code"])
    earliest = min(when for when, _ in ends.values())
    echoes = {failure["rank"] for failure in left}

    def order(end: tuple[int, tuple[int, int]]) -> tuple[bool, bool, bool, int, int]:
        """Return the sort key of an end. torchrun also records survivors that it ended with SIGTERM
        and SIGKILL; ranks that end between two polls have the same time, cause and secondary
        errors."""
        number, (when, code) = end
        return when > earliest + 1, code == -signal.SIGTERM, number in echoes, when, number

    number, (_, code) = min(ends.items(), key=order)
    if code < 0:
        guess = " (out of memory?)" if code == -signal.SIGKILL else ""
        line = f"error: rank {number} was killed by signal {-code}{guess}"
        return RankFailed(line, 1, rank=number, was_killed=True)
    if left:
        return RankFailed(left[0]["line"], left[0]["exit_code"])
    return RankFailed(f"error: rank {number} ended with exit code {code}", max(code, 1))


def _after_signal(folder: Path, name: str) -> RankFailed:
    left = _left_in(folder)
    if left:
        return RankFailed(left[0]["line"], left[0]["exit_code"])
    if not any(folder.glob("*.pid")):  # no rank had started
        early = StoppedEarly(signal.Signals[name])
        return RankFailed(f"error: {early}", early.exit_code)
    line = f"error: stopped by {name} before a checkpoint was written"
    return RankFailed(line, 130 if name == "SIGINT" else 1)


def _left_in(folder: Path) -> list[dict[str, Any]]:
    """Return the errors that children wrote, the earliest first."""
    left = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")]
    return sorted(left, key=lambda failure: float(failure["time"]))


def _require_gpus(wanted: int) -> None:
    import torch

    found = torch.cuda.device_count()
    if found < wanted:
        raise SystemRequirementError(
            f"--gpus {wanted} asks for more GPUs than this machine has ({found}): "
            "ask for fewer, or give --device cpu"
        )
