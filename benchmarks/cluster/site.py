"""One scenario's share of the cluster: two nodes, a folder with blanks in its name, and commands.

What a scenario finds are checks, made by comparing files, exit codes and what was printed.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.cluster.artifacts import hashes, records, tensors
from benchmarks.cluster.machines import on_login
from benchmarks.cluster.slurm import Cluster

AVME: Final = [sys.executable, "-m", "avme_cli"]
STEPS_OF_EPOCH: Final = 3
TINY: Final = """clip: {image_size: 32, num_frames: 4}
model: {visual: {dim: 64, depth: 1}, audio: {blocks: [1, 1, 1, 1]}}
train: {log_every: 1, log_images_every_epochs: null}
"""
_ENDED: Final = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY")
Finished = subprocess.CompletedProcess[str]


class NotSeen(Exception):
    """What a scenario waited for did not come."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a scenario looked at."""

    what: str
    held: bool
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A command that a scenario started, with all that it started itself."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def said(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, seconds: float = 600.0) -> int:
        """Its exit code, when it has ended by itself; raises TimeoutExpired if it does not."""
        return self.process.wait(seconds)

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to all of it; what has ended is left alone."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)


@dataclass
class Work:
    """The folder in which all scenarios run, and what they compare with."""

    folder: Path
    cluster: Cluster
    stopped: threading.Event = field(default_factory=threading.Event)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def run_once(self, name: str, command: Sequence[str]) -> Path:
        """The run folder runs/NAME of an undisturbed command on the login node."""
        run = self.folder / "runs" / name
        with self._one_at_a_time:
            if not run.exists():
                done = self.cluster.login(command, cwd=self.folder, timeout=1200)
                if done.returncode:
                    raise NotSeen(f"the undisturbed run failed: {done.stderr[-300:]}")
        return run

    def pretrained(self, epochs: int, procs: int = 1) -> Path:
        """An undisturbed pretraining, made when it is first asked for."""
        name = f"whole-{epochs}-{procs}"
        more = ["--procs", str(procs)] if procs > 1 else []
        return self.run_once(name, [*AVME, *pretraining(f"runs/{name}", epochs), *more])


@dataclass
class Site:
    """What one scenario has: nodes `first` and `second`, which are the partition `pairN`."""

    work: Work
    pair: int
    started: list["Running"] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        """The cluster of all scenarios."""
        return self.work.cluster

    @property
    def partition(self) -> str:
        """Name of the partition."""
        return f"pair{self.pair}"

    @property
    def first(self) -> int:
        """Number of the first node."""
        return 2 * self.pair - 1

    @property
    def second(self) -> int:
        """Number of the second node."""
        return 2 * self.pair

    def login(self, *command: str, timeout: float = 600.0) -> Finished:
        """Runs a command on the login node in the folder of work."""
        return self.cluster.login(command, cwd=self.work.folder, timeout=timeout)

    def avme(self, *arguments: str) -> Finished:
        """Runs avme there."""
        return self.login(*AVME, *arguments)

    def start(self, name: str, *command: str, node: int = 0) -> "Running":
        """Starts a command on the login node, or another; all that it prints goes to a file."""
        if node:
            whole = self.cluster.on_node(node, self.work.folder, command)
        else:
            whole = on_login(self.cluster.folder / "hosts", command)
        log = self.cluster.folder / f"{self.partition}-{name}-{time.monotonic_ns()}.log"
        with log.open("w", encoding="utf-8") as prints:
            process = subprocess.Popen(
                whole,
                cwd=self.work.folder,
                env=self.cluster.environment,
                stdin=subprocess.DEVNULL,
                stdout=prints,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(process, log)
        self.started.append(running)
        return running

    def slurm_settings(self, **more: object) -> list[str]:
        """`--set slurm.*` for a job of this partition."""
        given = {"partition": self.partition, "cpus": 1, "memory_gb": 2, **more}
        return [word for key, value in given.items() for word in ("--set", f"slurm.{key}={value}")]

    def newest_job(self) -> str:
        """The number of the job that was submitted last to this partition."""
        done = self.login("squeue", "-h", "-t", "all", "-p", self.partition, "-o", "%F")
        if not done.stdout.strip():
            raise NotSeen(f"no job in {self.partition}")
        return str(max(int(number) for number in done.stdout.split()))

    def jobs(self, number: str) -> list[dict[str, str]]:
        """What Slurm says of a job, or of every job of an array."""
        done = self.login("scontrol", "show", "job", "-o", number)
        return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in done.stdout.splitlines()]

    def wait_for_job(self, number: str, seconds: float = 900.0) -> list[dict[str, str]]:
        """Waits until a job, or all of an array, has ended for good."""
        self.wait(
            f"the end of job {number}",
            lambda: all(job.get("JobState") in _ENDED for job in self.jobs(number)),
            seconds,
        )
        return self.jobs(number)

    def wait_for_state(self, number: str, *states: str, seconds: float = 300.0) -> None:
        """Waits until all jobs of this number are in one of the states."""
        self.wait(
            f"job {number} in {'/'.join(states)}",
            lambda: all(job.get("JobState") in states for job in self.jobs(number)),
            seconds,
        )

    def wait(self, what: str, is_so: Callable[[], bool], seconds: float = 300.0) -> float:
        """Waits for something and returns the seconds; raises NotSeen if it does not come."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > seconds:
                raise NotSeen(f"{what} did not come in {seconds:.0f} s")
            if self.work.stopped.wait(0.3):
                raise NotSeen("stopped")
        return time.monotonic() - began

    def path(self, name: str) -> Path:
        """A path in the folder of work."""
        return self.work.folder / name

    def logs(self, target: str, number: str) -> str:
        """What the job, or all jobs of an array, printed; `target` is the run's or set's folder."""
        folder, name = self.path(target).parent / ".slurm", self.path(target).name
        found = sorted(folder.glob(f"{name}-{number}*.out"))
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in found)

    def same_set(self, name: str) -> Check:
        """Every file of a set beside the local set's, but for those that hold times or its name."""
        ours, theirs = (hashes(self.path("data") / each) for each in (name, "ref"))
        good = ours == theirs and bool(theirs)
        return Check("every file equal to the local set's", good, f"{len(theirs)} files")

    def same_run(self, run: str, whole: Path) -> list[Check]:
        """Records and tensors of a run beside those of the undisturbed one, `whole`."""
        ours, theirs = (records(each) for each in (self.path(run), whole))
        equal = sum(a == b for a, b in zip(ours, theirs, strict=False))
        weights = [tensors(each / "weights.safetensors") for each in (self.path(run), whole)]
        return [
            Check("finished", self.status(run) == "finished"),
            Check("records equal", ours == theirs and bool(ours), f"{equal} of {len(theirs)}"),
            Check("tensors equal", weights[0] == weights[1] != b""),
        ]

    def status(self, run: str) -> str:
        """The state in status.json; empty where there is none."""
        path = self.path(run) / "status.json"
        return str(json.loads(path.read_text())["state"]) if path.is_file() else ""

    def steps(self, run: str) -> int:
        """Lines of metrics.jsonl, one for each step here."""
        path = self.path(run) / "metrics.jsonl"
        return len(path.read_text().splitlines()) if path.is_file() else 0

    def wait_for_step(self, run: str, step: int, seconds: float = 600.0) -> float:
        """Waits until a run has done so many steps."""
        return self.wait(f"step {step} of {run}", lambda: self.steps(run) >= step, seconds)

    def shards(self, name: str) -> int:
        """Finished shards of a set."""
        return len(list(self.path(f"data/{name}/shards").glob("*.h5")))


def preparing(name: str, *more: str) -> list[str]:
    """The command that prepares the videos as `name`."""
    return ["prep", "folder", "mini vids", "--name", name, "--set", "shard_clips=8", *more]


def pretraining(run: str, epochs: int, *more: str) -> list[str]:
    """The command that trains so many epochs of three steps."""
    given = {"data": "ref", "out": run, "epochs": epochs, "preset": "tiny", "device": "cpu"}
    given |= {"workers": 0, "batch": 28, "config": "tiny.yaml"}
    words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
    return ["pretrain", *words, *more]


def last_line(text: str) -> str:
    """The last line that was printed, shortened."""
    lines = text.strip().splitlines()
    return lines[-1][:160] if lines else ""
