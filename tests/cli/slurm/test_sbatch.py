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
from avme_cli.slurm.sbatch import clean_environment
from avme_cli.slurm.train import submit_training
from avme_cli.terminal.progress import LineReporter

GRES = """sbatch: error: Invalid generic resource (gres) specification
sbatch: error: Batch job submission failed: Invalid generic resource (gres) specification
"""
SHELL = {
    "PATH": "/bin",
    "OMP_NUM_THREADS": "1",
    "SLURM_CONF": "/etc/slurm.conf",
    "SLURM_CLUSTERS": "big",
    "SLURM_JWT": "token",
}


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


def test_variables_of_the_shells_own_job_are_not_handed_on() -> None:
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


def test_defaults_of_a_profile_stay_unless_the_script_names_them() -> None:
    profile = {"SBATCH_ACCOUNT": "lab", "SBATCH_PARTITION": "slow", "SBATCH_QOS": "low"}
    options = ["--partition=fast", "-q high", "--nodes=1"]

    assert clean_environment(SHELL | profile, []) == SHELL | profile
    assert clean_environment(SHELL | profile, options) == SHELL | {"SBATCH_ACCOUNT": "lab"}


@SUBMITS
def test_sbatch_is_run_in_the_clean_environment(
    slurm: Any, monkeypatch: pytest.MonkeyPatch, submit: Callable[[], str]
) -> None:
    monkeypatch.setenv("SLURM_MEM_PER_CPU", "500")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")

    assert submit() == "77"

    names = {line.partition("=")[0] for line in slurm.noted("sbatch.env")}
    assert {name for name in names if name.startswith("SLURM_")} == {"SLURM_CONF"}


@SUBMITS
def test_a_refusal_leaves_nothing(
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


def test_a_refusal_leaves_the_script_of_an_earlier_job(slurm: Any) -> None:
    submit_run()
    script = Path("runs/.slurm/a.sbatch").read_text()
    slurm.plays("sbatch", "exit 1")

    with pytest.raises(SystemRequirementError):
        submit_run(time_limit_minutes=5)

    assert Path("runs/.slurm/a.sbatch").read_text() == script


@pytest.mark.parametrize(
    ("said", "settings", "line"),
    [
        (
            GRES,
            JobConfig(),
            "Invalid generic resource (gres) specification): change slurm.gpus (none) with --set; "
            "--set slurm.gpus=0 asks for no GPU",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Requested node configuration is not available\n",
            SlurmConfig(),
            "Requested node configuration is not available): change slurm.cpus (8), "
            "slurm.memory_gb (16) with --set",
        ),
        (
            "sbatch: error: invalid partition specified: fast\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            SlurmConfig(partition="fast"),
            "invalid partition specified: fast; Invalid partition name specified): change "
            "slurm.partition (fast) with --set",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Invalid account or account/partition combination specified",
            JobConfig(account="lab"),
            "Invalid account or account/partition combination specified): change slurm.partition "
            "(none), slurm.account (lab) with --set",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Requested time limit is invalid (missing or exceeds some limit)",
            JobConfig(time_limit_minutes=9),
            "Requested time limit is invalid (missing or exceeds some limit)): change "
            "slurm.time_limit_minutes (9) with --set",
        ),
        (
            "sbatch: error: Memory specification can not be satisfied",
            SlurmConfig(),
            "Memory specification can not be satisfied): change slurm.memory_gb (16) with --set",
        ),
        (
            "sbatch: error: CPU count per node can not be satisfied",
            SlurmConfig(),
            "CPU count per node can not be satisfied): change slurm.cpus (8) with --set",
        ),
        (
            "sbatch: unrecognized option '--foo'\nTry \"sbatch --help\" for more information\n",
            JobConfig(),
            "unrecognized option '--foo'): change slurm.options (none) with --set",
        ),
        (
            "sbatch: error: fetch_config: DNS SRV lookup failed\n"
            "sbatch: fatal: Could not establish a configuration source\n",
            JobConfig(),
            "fetch_config: DNS SRV lookup failed; Could not establish a configuration source): "
            "repeat, or submit on a machine from which Slurm can be reached",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Unable to contact slurm controller (connect failure)\n",
            SlurmConfig(),
            "Unable to contact slurm controller (connect failure)): repeat, or submit on a machine "
            "from which Slurm can be reached",
        ),
        (
            "sbatch: error: a site's own rule",
            JobConfig(),
            "a site's own rule): options of sbatch go into --set slurm.options=[...]",
        ),
    ],
)
def test_a_refusal_names_the_setting_to_change(
    slurm: Any, tmp_path: Path, said: str, settings: JobConfig | SlurmConfig, line: str
) -> None:
    (tmp_path / "said").write_text(said)
    slurm.plays("sbatch", f"cat '{tmp_path}/said' >&2; exit 1")

    with pytest.raises(SystemRequirementError) as refused:
        submit_run(**settings.model_dump()) if isinstance(settings, JobConfig) else submit_set(
            settings
        )

    assert str(refused.value) == f"sbatch refuses the job ({line}"


def test_a_long_refusal_is_cut(slurm: Any) -> None:
    slurm.plays("sbatch", "printf 'attempt %s\\n' {1..99} >&2; echo 'no such host' >&2; exit 1")

    with pytest.raises(SystemRequirementError) as refused:
        submit_run()

    assert len(str(refused.value)) < 400
    assert "attempt 99; no such host)" in str(refused.value)


def test_warnings_of_sbatch_are_said(slurm: Any, capsys: pytest.CaptureFixture[str]) -> None:
    slurm.plays("sbatch", "echo 'sbatch: billed to lab' >&2; echo '77;big'")
    report = LineReporter(sys.stderr)

    number = submit_parts(
        PrepConfig(), target=Path("data/pets"), command="avme prep folder", report=report
    )

    assert number == "77"
    assert capsys.readouterr().err.splitlines()[0] == "sbatch: billed to lab"


@SUBMITS
def test_without_sbatch_the_script_is_left(slurm: Any, submit: Callable[[], str]) -> None:
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
def test_settings_cannot_carry_lines_of_their_own_into_the_script(
    slurm: Any, tmp_path: Path, paths_below: Callable[[Path], set[str]], settings: dict[str, Any]
) -> None:
    there = paths_below(tmp_path)

    with pytest.raises(UsageError, match="cannot stand in a script of sbatch"):
        submit_run(**settings)
    with pytest.raises(UsageError, match="cannot stand in a script of sbatch"):
        submit_run(Path("runs/two\ntouch here"))

    assert paths_below(tmp_path) == there


@SUBMITS
def test_an_answer_that_is_no_number_is_named(slurm: Any, submit: Callable[[], str]) -> None:
    slurm.plays("sbatch", "echo Submitted")

    with pytest.raises(AvmeError, match="expected the number of a job"):
        submit()
