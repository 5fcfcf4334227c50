"""Environment of a Slurm step as torchrun's: `srun avme pretrain` joins the ranks.

Only inside a numbered step of several tasks. A batch script, or a shell of `salloc`, also has the
number of tasks of its job, but runs alone.
"""

import os
import re
from collections.abc import Mapping
from typing import Final

from avme.system.cpu_count import TASKS_ARE_RANKS, is_in_step

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
