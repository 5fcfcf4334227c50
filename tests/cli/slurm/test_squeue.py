"""Whether an earlier job is over is asked of squeue, and nothing is guessed where it is silent."""

import os
from pathlib import Path
from typing import Any

import pytest

import avme_cli.slurm.squeue
from avme.errors import SystemRequirementError, UsageError
from avme_cli.slurm.squeue import require_no_job

TARGET = Path("runs/a")


@pytest.fixture
def record(slurm: Any) -> Path:
    file = Path("a.job")
    file.write_text("77\n")
    return file


@pytest.mark.parametrize("states", ["", "COMPLETED", "CANCELLED FAILED", "TIMEOUT"])
def test_require_no_job_passes_for_finished_job(slurm: Any, record: Path, states: str) -> None:
    slurm.plays("squeue", f"printf '%s\\n' {states}")

    require_no_job(record, TARGET, os.environ)


def test_require_no_job_passes_for_unknown_job(record: Path) -> None:
    require_no_job(record, TARGET, os.environ)


def test_require_no_job_names_unfinished_jobs_of_an_array(slurm: Any, record: Path) -> None:
    slurm.plays("squeue", "printf '%s\\n' COMPLETED RUNNING PENDING PENDING")

    with pytest.raises(UsageError, match="job 77 for runs/a is PENDING, RUNNING: wait until"):
        require_no_job(record, TARGET, os.environ)


def test_require_no_job_asks_the_cluster_of_the_job(slurm: Any, record: Path) -> None:
    record.write_text("77;big\n")
    slurm.plays("squeue", '[ "$5" = --clusters=big ] && echo "CLUSTER: big" && echo RUNNING')

    with pytest.raises(UsageError, match="is RUNNING"):
        require_no_job(record, TARGET, os.environ)


@pytest.mark.parametrize(
    ("bash", "found"),
    [
        ("echo 'slurm_load_jobs error: Unable to contact' >&2; exit 1", "Unable to contact"),
        ("exit 3", "squeue ended with exit code 3"),
        ("exec sleep 20", r"squeue gave no answer in 0 s"),
    ],
)
def test_require_no_job_without_answer_is_refused(
    slurm: Any, record: Path, monkeypatch: pytest.MonkeyPatch, bash: str, found: str
) -> None:
    monkeypatch.setattr(avme_cli.slurm.squeue, "_SECONDS", 0.3)
    slurm.plays("squeue", bash)

    with pytest.raises(
        SystemRequirementError, match=f"submitted earlier, is unknown .*{found}.*delete a.job if"
    ):
        require_no_job(record, TARGET, os.environ)


def test_require_no_job_without_squeue_names_the_machine(
    slurm: Any, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm.remove("squeue")
    monkeypatch.setenv("PATH", str(slurm.folder))

    with pytest.raises(SystemRequirementError, match="squeue is not on this machine"):
        require_no_job(record, TARGET, os.environ)


def test_require_no_job_without_record_asks_nothing(slurm: Any) -> None:
    slurm.plays("squeue", "exit 1")

    require_no_job(Path("a.job"), TARGET, os.environ)
