"""What to ask of Slurm for the jobs that a command submits."""

from typing import Annotated

from pydantic import Field

from avme.config.base import Name, Settings
from avme.errors import ConfigError

_EARLY_SECONDS = 60
"""How much earlier than asked for Slurm may send a signal."""
_SHORTEST_WARNING = 10
_START_SECONDS = 30
"""Time of a job before its first step, at least."""
Options = Annotated[tuple[Annotated[str, Field(max_length=1000)], ...], Field(max_length=100)]


class SlurmConfig(Settings):
    """An array of equal jobs, each on one node."""

    jobs: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Jobs of the array; each does an equal share."""
    at_once: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Jobs that may run at the same time; none leaves it to Slurm."""
    partition: Name | None = None
    """Partition; none takes the cluster's default."""
    account: Name | None = None
    """Account to charge; none takes the user's default."""
    minutes: Annotated[int, Field(ge=2, le=10_000_000)] = 24 * 60
    """Time limit; a job that reaches it goes back into the queue and makes what is missing. It is
    told to end a minute before, or two: 1 would leave it no time."""
    cpus: Annotated[int, Field(ge=1, le=65_536)] = 8
    """Cores of a job, one for each of its `--workers`."""
    memory_gb: Annotated[float, Field(gt=0.0, le=1e6)] = 16.0
    """Memory of a job."""
    options: Options = ()
    """More options of sbatch, as they are to stand in the script: [--qos=long]."""


class JobConfig(Settings):
    """One job that trains, on one node or many (`--slurm`)."""

    nodes: Annotated[int, Field(ge=1, le=65_536)] = 1
    gpus: Annotated[int, Field(ge=0, le=1024)] | None = None
    """GPUs of a node, each with a process; none is 1, or 0 with train.device cpu or procs."""
    procs: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Processes of a node that trains on CPUs; none is 1."""
    cpus: Annotated[int, Field(ge=1, le=65_536)] = 8
    """Cores of a process."""
    memory_gb: Annotated[float, Field(gt=0.0, le=1e6)] = 64.0
    """Memory of a node."""
    minutes: Annotated[int, Field(ge=1, le=10_000_000)] = 24 * 60
    """Time limit; a job that reaches it goes back into the queue and resumes."""
    warning_seconds: Annotated[int, Field(ge=_SHORTEST_WARNING, le=604_800)] = 180
    """How long before its limit, or up to a minute more, the job is told to save and stop."""
    partition: Name | None = None
    """Partition; none takes the cluster's default."""
    account: Name | None = None
    """Account to charge; none takes the user's default."""
    options: Options = ()
    """More options of sbatch, as they are to stand in the script: [--constraint=h100]."""

    def require_time_to_train(self) -> None:
        """Raise ConfigError where the warning may come before the job has made a step.

        It is asked of a job that is submitted, not of every settings file: those of an earlier run
        stay readable.
        """
        longest = self.minutes * 60 - _EARLY_SECONDS - _START_SECONDS
        if self.warning_seconds <= longest:
            return
        needed = -(-(self.warning_seconds + _EARLY_SECONDS + _START_SECONDS) // 60)
        shorter = f"slurm.warning_seconds={longest} or " if longest >= _SHORTEST_WARNING else ""
        raise ConfigError(
            f"slurm.warning_seconds {self.warning_seconds} leaves a job of {self.minutes} minutes "
            f"no time to train: Slurm may warn {_EARLY_SECONDS} s earlier, and a start takes "
            f"{_START_SECONDS} s: give --set {shorter}slurm.minutes={needed}"
        )
