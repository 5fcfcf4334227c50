"""Environments of Slurm: that of a step as torchrun's, and that of sbatch.

`srun avme pretrain` joins the ranks only inside a numbered step of several tasks. A batch script,
or a shell of `salloc`, also has the number of tasks of its job, but runs alone.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

from avme.system.cpu_count import TASKS_ARE_RANKS, is_in_step

_JOBS_OWN: Final = ("SLURM_", "SLURMD_", "SBATCH_", "SRUN_", "SQUEUE_")
"""Prefixes of variables that describe the submitting shell's job, or override a script."""
_CLUSTERS_OWN: Final = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT")
"""Variables that select the cluster and the user."""
_USERS_OWN: Final = {
    "SBATCH_ACCOUNT": ("--account", "-A"),
    "SBATCH_CLUSTERS": ("--clusters", "-M"),
    "SBATCH_CONSTRAINT": ("--constraint", "-C"),
    "SBATCH_PARTITION": ("--partition", "-p"),
    "SBATCH_QOS": ("--qos", "-q"),
    "SBATCH_RESERVATION": ("--reservation",),
    "SBATCH_WCKEY": ("--wckey",),
}
"""Defaults from user profiles, which no job sets. They would override a script."""
_FIRST_PORT: Final = 15_000
_PORTS: Final = 15_000


def join_step() -> None:
    """Set RANK and related variables, unless torchrun has, or there is no step."""
    if "RANK" not in os.environ:
        os.environ.update(torchrun_variables(os.environ))


def torchrun_variables(slurm: Mapping[str, str]) -> dict[str, str]:
    """Return torchrun's variables for this task of a step; empty outside of one."""
    tasks = slurm.get("SLURM_STEP_NUM_TASKS", "1")
    if not is_in_step(slurm) or int(tasks) < 2:
        return {}
    node = int(slurm.get("SLURM_NODEID", "0"))
    nodes = slurm.get("SLURM_STEP_NODELIST") or slurm["SLURM_JOB_NODELIST"]
    number = int(slurm.get("SLURM_JOB_ID", "0")) + int(slurm["SLURM_STEP_ID"])
    return {
        TASKS_ARE_RANKS: "1",
        "RANK": slurm["SLURM_PROCID"],
        "WORLD_SIZE": tasks,
        "LOCAL_RANK": slurm.get("SLURM_LOCALID", "0"),
        "LOCAL_WORLD_SIZE": str(tasks_by_node(slurm.get("SLURM_STEP_TASKS_PER_NODE", "1"))[node]),
        "MASTER_ADDR": slurm.get("MASTER_ADDR") or first_host(nodes),
        "MASTER_PORT": slurm.get("MASTER_PORT") or str(_FIRST_PORT + number % _PORTS),
    }


def first_host(nodes: str) -> str:
    """Return the first host of Slurm's list: node07 of `node[07-09,12],other`."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])+", nodes)
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", first.group() if first else nodes)


def tasks_by_node(text: str) -> list[int]:
    """Return the tasks of every node: `2(x3),1` is [2, 2, 2, 1]."""
    counts: list[int] = []
    for tasks, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", text):
        counts += [int(tasks)] * int(times or 1)
    return counts


def clean_environment(given: Mapping[str, str], options: Sequence[str]) -> dict[str, str]:
    """Return the environment for sbatch, without the variables of the submitting shell's job.

    sbatch passes them on, and a step with another job's memory or layout fails. Variables that
    select the cluster stay, and so do profile defaults that `options` do not set.
    """
    names = {re.split(r"[=\s]", option, maxsplit=1)[0] for option in options}
    kept = {*_CLUSTERS_OWN, *(key for key, own in _USERS_OWN.items() if names.isdisjoint(own))}
    return {
        name: value
        for name, value in given.items()
        if name in kept or not name.startswith(_JOBS_OWN)
    }
