"""`prepare` on bad clips and in the wrong place."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import PretrainConfig
from avme.config.prep import PrepConfig
from avme.errors import ArtifactError, TooManyFailedClips, UsageError
from avme.io.lock import holding
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.audit import audit
from avme.stages.prep import dry_run
from avme.stages.pretrain import pretrain
from avme.stages.verify import verify

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "shards").iterdir())}


def test_prep_quarantines_a_file_that_is_no_video(
    tmp_path: Path, source: Path, run_prep: RunPrep
) -> None:
    (source / "Archery" / "v_Archery_g02_c01.avi").write_text("<html>404</html>")
    lines: list[str] = []

    done = run_prep(source, tmp_path / "out", lines=lines)

    with (done.folder / "quarantine.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["id"] == "Archery/v_Archery_g02_c01.avi"
    assert row["reason"] == "unreadable"
    assert len(done.entries) == 12
    assert any("v_Archery_g02_c01.avi" in line for line in lines)
    assert "Archery/v_Archery_g02_c01.avi" not in {e.id for e in done.subset("1", "test")}


def test_too_many_bad_clips_end_with_code_3_and_go_on_with_a_larger_share(
    tmp_path: Path, source: Path, run_prep: RunPrep
) -> None:
    for group in (1, 8):
        (source / "Archery" / f"v_Archery_g{group:02d}_c01.avi").write_bytes(b"")

    with pytest.raises(TooManyFailedClips, match="--max-failed") as caught:
        run_prep(source, tmp_path / "out")

    folder = tmp_path / "out" / "set"
    assert caught.value.exit_code == 3
    assert not (folder / "dataset.json").exists()
    shards = shard_bytes(folder)
    assert len(shards) == 3

    done = run_prep(source, tmp_path / "out", max_failed=0.5)

    assert len(done.entries) == 10
    assert shard_bytes(folder) == shards


def test_prep_of_finished_dataset_compares_with_the_given_limits(
    tmp_path: Path, source: Path, run_prep: RunPrep
) -> None:
    for group in (1, 8):
        (source / "Archery" / f"v_Archery_g{group:02d}_c01.avi").write_bytes(b"")
    folder = run_prep(source, tmp_path / "out", max_failed=0.5, memory_mb=4096).folder
    plan = (folder / "plan.json").read_bytes()

    with pytest.raises(TooManyFailedClips, match="2 of 12 clips failed, expected at most 1"):
        run_prep(source, tmp_path / "out")
    run_prep(source, tmp_path / "out", max_failed=0.9)

    assert (folder / "plan.json").read_bytes() == plan
    assert (folder / "dataset.json").is_file()
    shard = folder / "shards" / "shard-00000.h5"
    shard.unlink()
    (_, command) = verify(folder, all_frames=False, seed=0, report=NullReporter()).fix_commands
    for option in ("--max-failed 0.5", "--set memory_mb=4096"):
        assert option in command


def test_prep_without_any_good_clip_fails(tmp_path: Path, run_prep: RunPrep) -> None:
    for group in (1, 8):
        path = tmp_path / "videos" / "Archery" / f"v_Archery_g{group:02d}_c01.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    with pytest.raises(TooManyFailedClips, match="none of the 2 clips"):
        run_prep(tmp_path / "videos", tmp_path / "out", max_failed=1.0)


def test_prep_warns_of_a_subset_without_good_clip(
    tmp_path: Path,
    source: Path,
    run_prep: RunPrep,
    make_pretrain_config: Callable[..., PretrainConfig],
) -> None:
    for name in ("Archery/v_Archery_g15_c01.avi", "Bowling/v_Bowling_g08_c01.avi"):
        (source / name).write_bytes(b"")
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "trainlist01.txt").write_text("Archery/v_Archery_g15_c01.avi 1\n")
    tested = ("Bowling/v_Bowling_g08_c01.avi", "Archery/v_Archery_g01_c01.avi")
    (lists / "testlist01.txt").write_text("".join(f"{name}\n" for name in tested))
    lines: list[str] = []

    done = run_prep(source, tmp_path / "out", splits=lists, max_failed=0.2, lines=lines)

    assert [line for line in lines if line.startswith("warning: split")] == [
        "warning: split 1 has no train clip left: see quarantine.csv"
    ]
    (facts,) = audit(done.folder, out=None).facts["splits"].values()
    assert (facts["train"]["clips"], facts["test"]["clips"]) == (0, 1)
    with pytest.raises(ArtifactError, match=r"split1-train\.txt lists no clip"):
        pretrain(make_pretrain_config(), data=done.folder, out=tmp_path / "run", preset="tiny")
    assert not (tmp_path / "run").exists()


def test_prep_of_folder_in_use_is_refused_but_dry_run_works(
    videos: Path, folder: Path, run_prep: RunPrep
) -> None:
    with holding(folder):
        with pytest.raises(UsageError, match="another `avme prep` is running"):
            run_prep(videos, folder.parent)
        config = PrepConfig(shard_clips=4)
        request = Request("ucf101", videos, out=folder.parent, name="set", config=config)
        foretold = dry_run(request, report=NullReporter())

    assert foretold.plan.is_finished
    assert run_prep(videos, folder.parent).entries
