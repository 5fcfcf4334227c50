"""Tasks of a Slurm step find each other by Slurm's variables; nobody else is taken for one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from avme_cli.slurm.env import clean_environment, first_host, tasks_by_node, torchrun_variables

TASK = {
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "12",
    "SLURM_STEP_TASKS_PER_NODE": "8,4",
    "SLURM_STEP_NODELIST": "gpu[03,07]",
    "SLURM_NODEID": "1",
    "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
}
ECHO = """
import os, sys
from pathlib import Path
import torch
from avme.train.distributed.process_group import init_distributed
from avme_cli.slurm.env import join_step
join_step()
with init_distributed(torch.device("cpu")) as processes:
    Path(sys.argv[1], str(processes.rank)).write_text(str(processes.all_gather(processes.rank)))
"""


SHELL = {
    "PATH": "/bin",
    "OMP_NUM_THREADS": "1",
    "SLURM_CONF": "/etc/slurm.conf",
    "SLURM_CLUSTERS": "big",
    "SLURM_JWT": "token",
}


def test_torchrun_variables_of_a_task_equal_those_of_torchrun() -> None:
    assert torchrun_variables(TASK) == {
        "AVME_SRUN": "1",
        "RANK": "9",
        "WORLD_SIZE": "12",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "4",
        "MASTER_ADDR": "gpu03",
        "MASTER_PORT": "19711",
    }


@pytest.mark.parametrize(
    "other",
    [
        {"SLURM_STEP_NUM_TASKS": "1"},  # srun --pty bash
        {"SLURM_STEP_ID": ""},  # a batch script knows its job's tasks only
        {"SLURM_STEP_ID": "4294967290", "SLURM_STEP_NUM_TASKS": "2"},  # the shell of salloc
    ],
)
def test_torchrun_variables_outside_of_several_tasks_are_empty(other: dict[str, str]) -> None:
    assert torchrun_variables(TASK | {"SLURM_NTASKS": "12"} | other) == {}


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("node7", "node7"),
        ("node[07-09,12],other", "node07"),
        ("a,b[1-2]", "a"),
        ("rack[2-3]n[5,9]", "rack2n5"),
        ("gpu-a.site.org,gpu-b.site.org", "gpu-a.site.org"),
    ],
)
def test_first_host_of_a_list_is_its_first_name(nodes: str, host: str) -> None:
    assert first_host(nodes) == host


def test_tasks_of_nodes_are_counted() -> None:
    assert tasks_by_node("2(x3),1") == [2, 2, 2, 1]


@pytest.mark.slow
def test_torchrun_variables_let_two_tasks_join(tmp_path: Path) -> None:
    clean = {
        name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")
    }
    step = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "2", "SLURM_NODEID": "0"}
    step |= {"SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_JOB_ID": str(os.getpid())}
    tasks = [
        subprocess.Popen(
            [sys.executable, "-c", ECHO, str(tmp_path)],
            env=clean | TASK | step | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
        )
        for rank in range(2)
    ]

    assert [task.wait(timeout=60) for task in tasks] == [0, 0]
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["[0, 1]", "[0, 1]"]


def test_processes_are_not_started_inside_a_task(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "dataset.json").write_text("{}")
    command = [sys.executable, "-m", "avme_cli", "pretrain", "--data", "set", "--procs", "2"]

    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | TASK, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "srun has done: leave them out" in done.stderr


def test_clean_environment_drops_variables_of_own_job() -> None:
    job = {
        "SLURM_MEM_PER_CPU": "500",
        "SLURM_JOB_ID": "3",
        "SLURM_NTASKS": "4",
        "SLURMD_NODENAME": "n1",
        "SBATCH_MEM_BIND": "none",
        "SBATCH_TIMELIMIT": "5",
        "SRUN_DEBUG": "3",
    }

    assert clean_environment(SHELL | job, []) == SHELL


def test_clean_environment_keeps_profile_unless_script_sets_it() -> None:
    profile = {"SBATCH_ACCOUNT": "lab", "SBATCH_PARTITION": "slow", "SBATCH_QOS": "low"}
    options = ["--partition=fast", "-q high", "--nodes=1"]

    assert clean_environment(SHELL | profile, []) == SHELL | profile
    assert clean_environment(SHELL | profile, options) == SHELL | {"SBATCH_ACCOUNT": "lab"}
