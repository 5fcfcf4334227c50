"""Slurm settings of the jobs that a command submits."""

from typing import Annotated

from pydantic import Field

from avme.config.base import Name, Settings
from avme.errors import ConfigError

_EARLY_SECONDS = 60
"""Maximum time by which Slurm sends a signal too early."""
_SHORTEST_WARNING = 10
_START_SECONDS = 30
"""Minimum time of a job before its first step."""
Options = Annotated[tuple[Annotated[str, Field(max_length=1000)], ...], Field(max_length=100)]


class SlurmConfig(Settings):
    """Array of equal jobs, each on one node."""

    jobs: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Number of jobs in the array, with equal partitions of the shards."""
    array_parallelism: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Maximum number of jobs that run at the same time; none sets no limit."""
    partition: Name | None = None
    """Partition; none is the cluster's default."""
    account: Name | None = None
    """Account to charge; none is the user's default."""
    time_limit_minutes: Annotated[int, Field(ge=2, le=10_000_000)] = 24 * 60
    """Time limit of a job. It is stopped one or two minutes before, which is why 1 is too short,
    and requeued to build the remaining shards."""
    cpus: Annotated[int, Field(ge=1, le=65_536)] = 8
    """Cores per job, one per worker."""
    memory_gb: Annotated[float, Field(gt=0.0, le=1e6)] = 16.0
    """Memory per job."""
    options: Options = ()
    """Further options of sbatch as in a script: [--qos=long]."""


class JobConfig(Settings):
    """Training job on one or more nodes (`--slurm`)."""

    nodes: Annotated[int, Field(ge=1, le=65_536)] = 1
    gpus: Annotated[int, Field(ge=0, le=1024)] | None = None
    """GPUs per node, with one process each; none is 1, or 0 with train.device cpu or procs."""
    procs: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Processes per node when training on CPUs; none is 1."""
    cpus: Annotated[int, Field(ge=1, le=65_536)] = 8
    """Cores per process."""
    memory_gb: Annotated[float, Field(gt=0.0, le=1e6)] = 64.0
    """Memory per node."""
    time_limit_minutes: Annotated[int, Field(ge=1, le=10_000_000)] = 24 * 60
    """Time limit; a job that reaches it is requeued and resumes."""
    signal_before_seconds: Annotated[int, Field(ge=_SHORTEST_WARNING, le=604_800)] = 180
    """Time before the limit at which Slurm signals the job to save and stop; Slurm may be up to a
    minute early."""
    partition: Name | None = None
    """Partition; none is the cluster's default."""
    account: Name | None = None
    """Account to charge; none is the user's default."""
    options: Options = ()
    """Further options of sbatch as in a script: [--constraint=h100]."""

    def require_time_to_train(self) -> None:
        """Raise ConfigError if the signal may arrive before the first step.

        Checked when a job is submitted, not whenever settings are read.
        """
        longest = self.time_limit_minutes * 60 - _EARLY_SECONDS - _START_SECONDS
        if self.signal_before_seconds <= longest:
            return
        needed = -(-(self.signal_before_seconds + _EARLY_SECONDS + _START_SECONDS) // 60)
        shorter = (
            f"slurm.signal_before_seconds={longest} or " if longest >= _SHORTEST_WARNING else ""
        )
        raise ConfigError(
            f"slurm.signal_before_seconds {self.signal_before_seconds} leaves a job of "
            f"{self.time_limit_minutes} minutes no time to train: Slurm may warn {_EARLY_SECONDS} "
            f"s earlier, and a start takes {_START_SECONDS} s: give --set "
            f"{shorter}slurm.time_limit_minutes={needed}"
        )
