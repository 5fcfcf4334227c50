"""What a job would refuse is refused before it is submitted, as a start on this machine does."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import to_yaml
from avme.shards.dataset import PreparedDataset
from avme_cli.app import app

pytestmark = pytest.mark.slow

Commands = dict[str, list[str]]


@pytest.fixture
def commands(
    finished: PreparedDataset,
    pretrained: Path,
    make_pretrain_config: Callable[..., PretrainConfig],
    make_finetune_config: Callable[..., FinetuneConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Commands:
    """Command lines that train on CPUs, on a machine without Slurm."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    common = ["--data", str(finished.folder), "--device", "cpu", "--config"]
    for name, config in (("p", make_pretrain_config()), ("f", make_finetune_config())):
        Path(f"{name}.yaml").write_text(to_yaml(config))
    start = ["--from", str(pretrained)]
    return {
        "pretrain": ["pretrain", *common, "p.yaml"],
        "finetune": ["finetune", *common, "f.yaml", *start],
    }


def said(command: list[str], *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*command, *more], prog_name="avme")
    return result.exit_code, result.stderr


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_submission_of_valid_run_writes_nothing_of_the_run(stage: str, commands: Commands) -> None:
    code, line = said(commands[stage], "--slurm", "--set", "slurm.procs=2", "--out", "run")

    assert (code, line[:44]) == (6, "error: --slurm needs Slurm's sbatch, which i")
    assert not Path("run").exists()


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_processes_without_equal_shares_are_refused(stage: str, commands: Commands) -> None:
    job = ["--slurm", "--set", "slurm.procs=3", "--set", "train.batch_size=4"]

    code, line = said(commands[stage], *job)

    assert (code, line[:58]) == (2, "error: train.batch_size 4 is not divisible by 3 processes:")


def test_submission_with_time_limit_below_warning_is_refused(commands: Commands) -> None:
    code, line = said(commands["pretrain"], "--slurm", "--set", "slurm.time_limit_minutes=2")

    assert (code, line[:57]) == (2, "error: slurm.signal_before_seconds 180 leaves a job of 2 ")


@pytest.mark.parametrize(
    ("code", "more"),
    [
        (4, ["--resume", "--out", "run", "--lr", "9e-3"]),
        (4, ["--resume", "--out", "run", "--set", "model.visual.depth=3"]),
        (2, ["--out", "run"]),
        (5, ["--resume", "--out", "none"]),
        (2, ["--resume", "--overwrite", "--out", "run"]),
        (5, ["--init", "none.pth"]),
        (2, ["--split", "9"]),
        (2, ["--data", "none"]),
        (5, ["--data", "unfinished"]),
        (2, ["--config", "none.yaml"]),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else None,
)
def test_submission_refusal_has_the_words_and_code_of_a_local_start(
    code: int, more: list[str], commands: Commands, pretrained: Path
) -> None:
    Path("unfinished").mkdir()
    shutil.copytree(pretrained, "run")

    submitted = said(commands["pretrain"], *more, "--slurm")

    assert contents(Path("run")) == contents(pretrained)
    assert submitted[0] == code
    assert said(commands["pretrain"], *more) == submitted


def contents(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}
