"""Runs Python programs in forks of one process that has torch and avme in memory.

A fork starts at once, where a new Python takes seconds of every core to import them. What torchrun
starts in such a fork is forked too. Checks of shapes are off, as in any program of its own.

Reads a request a line, and answers with a process id; the exit code is left in a file of that name.
"""

import atexit
import json
import logging
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import warnings
import weakref
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as `avme` does before it imports torch

import torch.distributed.elastic.multiprocessing.subprocess_handler.subprocess_handler as torchrun

from avme.data import dataloader

_KEPT = (
    "avme.stages.evaluate",
    "avme.stages.finetune",
    "avme.stages.pretrain",
    "avme_cli.app",
    "matplotlib.backends.backend_agg",
    "torch._dynamo",
    "torch.distributed.fsdp",
    "torch.distributed.run",
    "torch.utils.tensorboard",
)
"""Modules that are worth the keeping."""
_FORK = multiprocessing.get_context("fork")
_POLL_SECONDS = 0.01


def main(codes: Path) -> None:
    running: list[Any] = []
    print("ready", flush=True)
    while True:
        if wait([sys.stdin.fileno()], _POLL_SECONDS if running else None):
            line = sys.stdin.readline()
            if not line:
                break
            process = _FORK.Process(target=become, kwargs=json.loads(line))
            process.start()
            running.append(process)
            print(process.pid, flush=True)
        for process in [each for each in running if each.exitcode is not None]:
            running.remove(process)
            made = codes / f"{process.pid}.tmp"
            made.write_text(str(process.exitcode))
            made.rename(codes / str(process.pid))
    for process in running:
        process.kill()
    os._exit(0)  # taking torch down would take a second


def become(
    argv: list[str],
    env: dict[str, str],
    cwd: str | None = None,
    out: str | None = None,
    err: str | None = None,
    session: bool = False,
) -> None:
    """Goes on as `python argv`; its output goes to files."""
    if session:
        os.setsid()
    for number, path in ((1, out), (2, err)):
        if path is not None:
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    _forget()
    if cwd is not None:
        os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    name = Path("/proc/self/comm")
    if "RANK" in env and name.exists():
        name.write_text(f"rank {env['RANK']}")  # where a test looks for the one to kill
    vars(torchrun)["Popen"] = Forked
    atexit.unregister(dataloader._end_workers)
    atexit.register(dataloader._end_workers)  # Python 3.13 drops what a fork has from its parent
    warnings.simplefilter("ignore")  # of modules that are here already, and of forks beside threads
    try:
        _run(argv)
    finally:
        atexit._run_exitfuncs()  # a process of multiprocessing leaves them out


def _forget() -> None:
    """What a new program would not have from the one that started it."""
    os.closerange(3, 1024)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.disable(logging.NOTSET)
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]  # of another's folders


def _run(argv: list[str]) -> None:
    kind, *rest = argv
    if kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = ModuleType("__main__")
        exec(rest[0], vars(sys.modules["__main__"]))
    elif kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(kind, run_name="__main__")


class Forked:
    """The part of `subprocess.Popen` that torchrun uses of its processes."""

    def __init__(
        self,
        args: tuple[str, ...],
        env: dict[str, str],
        stdout: object,
        stderr: object,
        start_new_session: bool,
    ) -> None:
        assert stdout is stderr is None
        python, unbuffered, *argv = args
        assert (python, unbuffered) == (sys.executable, "-u")
        settings = {"argv": argv, "env": env, "session": start_new_session}
        self._process = _FORK.Process(target=become, kwargs=settings)
        self._process.start()
        assert self._process.pid is not None
        self.pid, self.args = self._process.pid, args

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


if __name__ == "__main__":
    for module in _KEPT:
        import_module(module)
    main(Path(sys.argv[1]))
