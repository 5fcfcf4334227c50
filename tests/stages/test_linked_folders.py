"""Runs and sets from a stranger: no stage reads, writes or deletes through a link in them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from avme.config import EvalConfig, FinetuneConfig, PretrainConfig
from avme.errors import ArtifactError
from avme.io.run_status import write_status
from avme.prep.journal import append
from avme.prep.write_shard import ShardDone
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.audit import audit
from avme.stages.demo import demo
from avme.stages.evaluate import evaluate
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain
from avme.stages.verify import verify
from avme.train.distributed.process_group import Distributed
from avme.train.run.folder import running
from avme_cli.app import app

pytestmark = pytest.mark.slow

MARKER = "marker: of another folder"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of somebody's own, with files that are called as ours are."""
    folder = tmp_path / "outside"
    for name in ("marker", "last.pt", "step-1.pt", ".x.tmp", "summary.json", "audit.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(MARKER)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def linked(path: Path, outside: Path) -> None:
    """In the place of a file or a folder, a link to a file or to all of the folder outside."""
    is_file = path.is_file() or path.suffix not in ("",) or path.name.startswith(".")
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside / "marker" if is_file else outside)


OF_A_RUN = [
    *("command.txt", "train.log", "metrics.jsonl", "config.yaml", "status.json", "derived.json"),
    *("env.json", "weights.safetensors", ".run.lock", "wandb.json", "checkpoints/step-1.pt"),
    *("checkpoints", "tb", "eval", "audit", "wandb"),
]


@pytest.mark.parametrize("name", OF_A_RUN)
def test_resume_of_run_with_a_link_is_refused(
    name: str,
    pretrained: Path,
    outside: Path,
    tmp_path: Path,
    make_pretrain_config: Callable[..., PretrainConfig],
) -> None:
    run = Path(shutil.copytree(pretrained, tmp_path / "run"))
    linked(run / name, outside)
    before, ours = contents(outside), contents(run)
    given: dict[str, Any] = {"facts": {}, "out": run, "resume": True, "overwrite": False}

    with (
        pytest.raises(ArtifactError, match=f"run/{name} is a link"),
        running(
            "pretrain",
            make_pretrain_config(),
            **given,
            command=["avme"],
            processes=Distributed(),
            report=NullReporter(),
        ),
    ):
        pass

    assert contents(outside) == before
    assert contents(run) == ours


@pytest.mark.parametrize("name", ["config.yaml", "derived.json", "status.json", "tb"])
@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_commands_read_nothing_of_a_linked_run(
    stage: str,
    name: str,
    pretrained: Path,
    finished: PreparedDataset,
    outside: Path,
    tmp_path: Path,
) -> None:
    run = Path(shutil.copytree(pretrained, tmp_path / "run"))
    linked(run / name, outside)
    words = [stage, "--data", str(finished.folder), "--out", str(run), "--resume"]

    result = CliRunner().invoke(app, words, prog_name="avme")

    assert result.exit_code == 5
    assert f"run/{name} is a link" in result.stderr
    assert "marker" not in result.stderr.replace(str(outside / "marker"), "")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["command.txt", "train.log"])
def test_resume_of_run_with_hard_linked_file_does_not_append(
    name: str,
    pretrained: Path,
    finished: PreparedDataset,
    outside: Path,
    tmp_path: Path,
    make_pretrain_config: Callable[..., PretrainConfig],
) -> None:
    run = Path(shutil.copytree(pretrained, tmp_path / "run"))
    (run / name).unlink()
    os.link(outside / "marker", run / name)

    with pytest.raises(ArtifactError, match=rf"run/{name} has 2 names"):
        pretrain(
            make_pretrain_config(epochs=5),
            data=finished.folder,
            out=run,
            preset="tiny",
            resume=True,
        )

    assert (outside / "marker").read_text() == MARKER


def test_overwrite_of_run_deletes_links_but_not_their_targets(
    pretrained: Path,
    outside: Path,
    tmp_path: Path,
    make_pretrain_config: Callable[..., PretrainConfig],
) -> None:
    run = Path(shutil.copytree(pretrained, tmp_path / "run"))
    for name in ("command.txt", "checkpoints", "status.json", "tb"):
        linked(run / name, outside)
    shutil.copy(pretrained / "status.json", outside / "status.json")
    (run / "status.json").unlink()
    (run / "status.json").symlink_to(outside / "status.json")
    before = contents(outside)
    given: dict[str, Any] = {"facts": {}, "out": run, "resume": False, "overwrite": True}

    with running(
        "pretrain",
        make_pretrain_config(),
        **given,
        command=["avme"],
        processes=Distributed(),
        report=NullReporter(),
    ):
        assert not (run / "status.json").is_symlink()
        assert not (run / "tb").exists()

    assert contents(outside) == before


@pytest.mark.parametrize("name", ["eval", "checkpoints/step-1.pt"])
def test_evaluate_into_run_with_a_link_writes_nothing(
    name: str, finetuned: Path, finished: PreparedDataset, outside: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finetuned, tmp_path / "run"))
    linked(run / name, outside)
    before = contents(outside)

    with pytest.raises(ArtifactError, match=f"run/{name} is a link"):
        evaluate(run, data=finished.folder, config=EvalConfig(num_workers=0, device="cpu"))

    assert contents(outside) == before


OF_A_SET = [
    *("dataset.json", "plan.json", "index.csv", "quarantine.csv", "prep.jsonl", ".prep.lock"),
    *("splits/split1-train.txt", "shards/shard-00001.h5", "shards", "splits", "audit", ".work"),
]


@pytest.mark.parametrize("name", OF_A_SET)
def test_prep_of_dataset_with_a_link_neither_reads_nor_writes(
    name: str,
    folder: Path,
    videos: Path,
    outside: Path,
    run_prep: Callable[..., PreparedDataset],
    make_finetune_config: Callable[..., FinetuneConfig],
    tmp_path: Path,
) -> None:
    linked(folder / name, outside)
    before, ours = contents(outside), contents(folder)

    for stage in (
        lambda: PreparedDataset.open(folder),
        lambda: audit(folder, out=None),
        lambda: run_prep(videos, folder.parent, name=folder.name),
        lambda: finetune(make_finetune_config(), data=folder, out=tmp_path / "run", init=None),
    ):
        with pytest.raises(ArtifactError, match=f"set/{name} is a link"):
            stage()

    assert contents(outside) == before
    assert contents(folder) == ours


@pytest.mark.parametrize("name", OF_A_SET)
def test_verify_names_a_link_and_what_deletes_it(name: str, folder: Path, outside: Path) -> None:
    linked(folder / name, outside)

    found = verify(folder, all_frames=True, seed=0, report=NullReporter())

    what = "is a link or no regular file, expected a file or folder of the set"
    assert [str(problem) for problem in found.problems] == [f"{name}: {what}"]
    assert (
        found.fix_commands[-1]
        == f"# or, if the links are your own, copy it: cp -rL {folder} {folder}-copy"
    )
    if name == "plan.json":
        assert found.fix_commands[0].startswith("the source of ")
    else:
        assert found.fix_commands[0] == f"rm -f -- {folder / name}"
        assert found.fix_commands[1].startswith("avme prep ucf101 ")


def test_verify_command_repairs_a_link_in_a_dataset(
    folder: Path, videos: Path, outside: Path, run_prep: Callable[..., PreparedDataset]
) -> None:
    before, ours = contents(outside), contents(folder)
    linked(folder / "shards", outside)
    linked(folder / "index.csv", outside)

    found = verify(folder, all_frames=False, seed=0, report=NullReporter())
    delete, _, *_ = found.fix_commands
    for path in delete.split()[3:]:
        Path(path).unlink()
    run_prep(videos, folder.parent, name=folder.name)

    kept = {name: text for name, text in contents(folder).items() if "prep.jsonl" not in name}
    assert kept == {name: text for name, text in ours.items() if "prep.jsonl" not in name}
    assert contents(outside) == before


def test_dataset_behind_a_link_is_accepted(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(folder)

    assert len(PreparedDataset.open(tmp_path / "linked").entries) == 12
    audit(tmp_path / "linked", out=None)
    assert (
        verify(tmp_path / "linked", all_frames=False, seed=0, report=NullReporter()).problems == ()
    )


def test_journal_behind_a_link_is_not_appended_to(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "prep.jsonl").symlink_to(outside / "marker")

    with pytest.raises(ArtifactError, match=r"prep\.jsonl is a link"):
        append(tmp_path, ShardDone("shard-00000.h5", "", 1, 1, 1, 0, 0.0))

    assert (outside / "marker").read_text() == MARKER


@pytest.mark.parametrize("name", ["videos", "data", "runs", "pictures"])
def test_demo_with_a_link_is_not_overwritten(name: str, tmp_path: Path, outside: Path) -> None:
    write_status(tmp_path / "demo", "demo", "finished")
    (tmp_path / "demo" / name).symlink_to(outside)
    before = contents(outside)

    with pytest.raises(ArtifactError, match=f"demo/{name} is a link"):
        demo(tmp_path / "demo", overwrite=True)

    assert contents(outside) == before
