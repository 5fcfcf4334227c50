"""Submitting to Slurm: a clean environment, refusals that name settings, nothing left behind."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.config import PrepConfig
from avme.config.slurm import JobConfig, SlurmConfig
from avme.errors import AvmeError, SystemRequirementError, UsageError
from avme.progress import NullReporter
from avme_cli.slurm.prep import submit_parts
from avme_cli.slurm.train import submit_training
from avme_cli.terminal.progress import LineReporter


def submit_run(run: Path = Path("runs/a"), *, overwrite: bool = False, **settings: Any) -> str:
    number: str = submit_training(
        JobConfig(**settings),
        device="auto",
        run=run,
        resume=False,
        overwrite=overwrite,
        command="avme pretrain",
        report=NullReporter(),
    )
    return number


def submit_set(settings: SlurmConfig | None = None) -> str:
    number: str = submit_parts(
        PrepConfig(slurm=settings or SlurmConfig()),
        target=Path("data/pets"),
        command="avme prep folder",
        report=NullReporter(),
    )
    return number


SUBMITS = pytest.mark.parametrize("submit", [submit_run, submit_set])


@SUBMITS
def test_submit_runs_sbatch_in_clean_environment(
    slurm: Any, monkeypatch: pytest.MonkeyPatch, submit: Callable[[], str]
) -> None:
    monkeypatch.setenv("SLURM_MEM_PER_CPU", "500")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")

    assert submit() == "77"

    names = {line.partition("=")[0] for line in slurm.noted("sbatch.env")}
    assert {name for name in names if name.startswith("SLURM_")} == {"SLURM_CONF"}


@SUBMITS
def test_submit_refused_by_sbatch_leaves_no_file(
    slurm: Any,
    tmp_path: Path,
    paths_below: Callable[[Path], set[str]],
    submit: Callable[[], str],
) -> None:
    there = paths_below(tmp_path)
    slurm.plays("sbatch", "echo 'sbatch: error: no' >&2; exit 1")

    with pytest.raises(SystemRequirementError, match=r"^sbatch refuses the job \(no\): "):
        submit()

    assert paths_below(tmp_path) == there


def test_submit_refused_by_sbatch_keeps_earlier_script(slurm: Any) -> None:
    submit_run()
    script = Path("runs/.slurm/a.sbatch").read_text()
    slurm.plays("sbatch", "exit 1")

    with pytest.raises(SystemRequirementError):
        submit_run(time_limit_minutes=5)

    assert Path("runs/.slurm/a.sbatch").read_text() == script


def test_submit_reports_warnings_of_sbatch(slurm: Any, capsys: pytest.CaptureFixture[str]) -> None:
    slurm.plays("sbatch", "echo 'sbatch: billed to lab' >&2; echo '77;big'")
    report = LineReporter(sys.stderr)

    number = submit_parts(
        PrepConfig(), target=Path("data/pets"), command="avme prep folder", report=report
    )

    assert number == "77"
    assert capsys.readouterr().err.splitlines()[0] == "sbatch: billed to lab"


@SUBMITS
def test_submit_without_sbatch_leaves_the_script(slurm: Any, submit: Callable[[], str]) -> None:
    slurm.remove("sbatch")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", str(slurm.folder))
        with pytest.raises(SystemRequirementError) as refused:
            submit()

    script = "runs/.slurm/a.sbatch" if submit is submit_run else "data/.slurm/pets.sbatch"
    assert str(refused.value) == (
        f"--slurm needs Slurm's sbatch, which is not on this machine: submit {script} where it is"
    )
    assert Path(script).read_text().startswith("#!/bin/bash\n#SBATCH --")


@pytest.mark.parametrize(
    "settings",
    [
        {"options": ["--qos=long\ntouch here"]},
        {"options": ["touch here"]},
        {"partition": "fast\ntouch here"},
        {"account": "lab\rtouch here"},
    ],
)
def test_submit_with_line_break_in_setting_is_refused(
    slurm: Any, tmp_path: Path, paths_below: Callable[[Path], set[str]], settings: dict[str, Any]
) -> None:
    there = paths_below(tmp_path)

    with pytest.raises(UsageError, match="is invalid in a script of sbatch"):
        submit_run(**settings)
    with pytest.raises(UsageError, match="is invalid in a script of sbatch"):
        submit_run(Path("runs/two\ntouch here"))

    assert paths_below(tmp_path) == there


@SUBMITS
def test_submit_with_answer_without_number_is_refused(
    slurm: Any, submit: Callable[[], str]
) -> None:
    slurm.plays("sbatch", "echo Submitted")

    with pytest.raises(AvmeError, match="expected the number of a job"):
        submit()
