"""One command on many devices: starts torchrun in this process, or joins one that runs already.

When RANK is set (torchrun or our own children) nothing is started. Children do not print
their errors: they leave them in a folder that the parent gave them, and the parent prints the
first one once, whichever rank it came from, and ends with its exit code.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from avme.cores import available_cores
from avme.errors import AvmeError, MachineError, UsageError

_FAILURES: Final = "AVME_FAILURES"
"""Environment variable: the folder into which a child of ours writes why it failed."""
_SIGNALS: Final = "SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1"
_SECONDS_TO_STOP: Final = "120"


class ChildFailed(AvmeError):
    """A process of a distributed run failed; carries its whole line and its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def rank() -> int:
    """This process's number in a distributed run; 0 without one."""
    return int(os.environ.get("RANK", "0"))


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


def spread(gpus: int | None, procs: int | None) -> bool:
    """Runs this command on many devices; False when this very process should do the work.

    Raises MachineError when there are fewer GPUs than asked for, and ChildFailed.
    """
    if "RANK" in os.environ:
        return False
    if gpus is not None:
        _require_gpus(gpus)
    processes = gpus or procs or 1
    if processes == 1:
        return False
    run_on_all(processes, ["-m", "avme_cli", *sys.argv[1:]])
    return True


def run_on_all(processes: int, program: Sequence[str]) -> None:
    """Runs a Python program in `processes` processes that know each other."""
    import logging

    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // processes)))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", _SECONDS_TO_STOP)
    with TemporaryDirectory(prefix="avme-") as folder:
        os.environ[_FAILURES] = folder
        options = [
            "--standalone",
            f"--nproc-per-node={processes}",
            f"--signals-to-handle={_SIGNALS}",
        ]
        logging.disable(logging.CRITICAL)  # torchrun repeats every child's failure at length
        try:
            torchrun.main([*options, *program])
        except ChildFailedError as error:
            number, failure = error.get_first_failure()
            raise _first_failure(Path(folder), number, failure.exitcode) from error
        except SignalException as error:
            code = 130 if error.sigval.name == "SIGINT" else 1
            raise _first_failure(Path(folder), None, code, error.sigval.name) from error
        finally:
            logging.disable(logging.NOTSET)
            del os.environ[_FAILURES]


def leave_failure(line: str, exit_code: int) -> bool:
    """In a child of ours, hands the error to the parent; False if this process has none."""
    folder = os.environ.get(_FAILURES)
    if folder is None or "RANK" not in os.environ:
        return False
    failure = {"time": time.time(), "line": line, "exit_code": exit_code}
    temporary = Path(folder) / f"{rank()}.tmp"
    temporary.write_text(json.dumps(failure), encoding="utf-8")
    temporary.rename(temporary.with_suffix(".json"))
    return True


def _first_failure(
    folder: Path, number: int | None, exit_code: int, signal_name: str = ""
) -> ChildFailed:
    left: list[dict[str, Any]] = [
        json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")
    ]
    if left:
        first = min(left, key=lambda failure: float(failure["time"]))
        return ChildFailed(first["line"], first["exit_code"])
    if signal_name:
        line = f"error: stopped by {signal_name} before a checkpoint was written"
    elif exit_code < 0:
        guess = " (out of memory?)" if exit_code == -9 else ""
        line = f"error: process {number} was killed by signal {-exit_code}{guess}"
    else:
        line = f"error: process {number} ended with exit code {exit_code}"
    return ChildFailed(line, max(exit_code, 1))


def _require_gpus(wanted: int) -> None:
    import torch

    found = torch.cuda.device_count()
    if found < wanted:
        raise MachineError(
            f"--gpus {wanted} asks for more GPUs than this machine has ({found}): "
            "ask for fewer, or give --device cpu"
        )
