"""Cores are those of the job: affinity mask, quota and what Slurm gave, whichever is least."""

import os

import pytest

from avme.system import cpu_count
from avme.system.cpu_count import TASKS_ARE_RANKS, available_cores, limit_threads

MASK = len(os.sched_getaffinity(0))
BATCH_STEP = "4294967291"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of Slurm and of quotas."""
    for name in [*os.environ]:
        if name.startswith("SLURM_") or name in (TASKS_ARE_RANKS, "AVME_THREADS"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(cpu_count, "cpu_quota", lambda: None)


def large(monkeypatch: pytest.MonkeyPatch, mask: int = 128, quota: float | None = None) -> None:
    monkeypatch.setattr(cpu_count, "_mask", lambda: mask)
    monkeypatch.setattr(cpu_count, "cpu_quota", lambda: quota)


def job(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in {"JOB_ID": "7", **variables}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)


def test_available_cores_respect_the_affinity_mask() -> None:
    assert available_cores() == MASK
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("quota", "expected"), [(2.0, 2), (2.5, 3), (0.2, 1), (500.0, 128)])
def test_available_cores_round_a_quota_up(
    quota: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch, quota=quota)

    assert available_cores() == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CPUS_PER_TASK": "8", "STEP_ID": "0"}, 8),
        ({"CPUS_PER_TASK": "8", "CPUS_ON_NODE": "32", "STEP_ID": "0"}, 8),
        ({"CPUS_PER_TASK": "8", "CPUS_ON_NODE": "32", "STEP_ID": BATCH_STEP}, 32),
        ({"CPUS_PER_TASK": "8", "CPUS_ON_NODE": "32"}, 32),
        ({"CPUS_PER_TASK": "8"}, 8),
        ({"CPUS_PER_TASK": "512", "STEP_ID": "0"}, 128),
        ({"CPUS_PER_TASK": "many", "STEP_ID": "0"}, 128),
        ({}, 128),
    ],
)
def test_slurm_gives_a_step_its_task_and_a_script_its_job(
    variables: dict[str, str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    job(monkeypatch, **variables)

    assert available_cores() == expected


def test_available_cores_outside_of_a_job_ignore_slurm_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    large(monkeypatch)

    assert available_cores() == 128


def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    large(monkeypatch, quota=10)

    assert [available_cores(count) for count in (1, 4, 20)] == [10, 2, 1]


@pytest.mark.parametrize(
    ("mask", "quota", "variables", "expected"),
    [
        (128, None, {"CPUS_PER_TASK": "8"}, 8),
        (8, None, {"CPUS_PER_TASK": "8"}, 8),
        (8, None, {"CPUS_ON_NODE": "32"}, 8),
        (128, None, {"CPUS_ON_NODE": "32"}, 8),
        (128, None, {}, 32),
        (128, 12.0, {"CPUS_PER_TASK": "8"}, 3),
    ],
)
def test_available_cores_of_slurm_tasks_as_ranks_are_undivided(
    mask: int,
    quota: float | None,
    variables: dict[str, str],
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large(monkeypatch, mask, quota)
    job(monkeypatch, STEP_ID="0", **variables)
    monkeypatch.setenv(TASKS_ARE_RANKS, "1")

    assert available_cores(4) == expected


@pytest.mark.parametrize(
    ("given", "quota", "processes", "expected"),
    [
        (None, None, 1, None),
        (None, 2.0, 1, "2"),
        (None, None, 4, "32"),
        (None, 2.0, 4, "1"),
        ("5", 2.0, 4, "5"),
    ],
)
def test_limit_threads_uses_the_cores_unless_set_by_the_user(
    given: str | None,
    quota: float | None,
    processes: int,
    expected: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large(monkeypatch, quota=quota)
    monkeypatch.setenv("AVME_THREADS", "before")  # so that both are as they were afterwards
    monkeypatch.delenv("AVME_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", given or "")
    if given is None:
        monkeypatch.delenv("OMP_NUM_THREADS")

    limit_threads()  # as the program does first, before it starts processes
    limit_threads(processes)

    assert os.environ.get("OMP_NUM_THREADS") == expected
