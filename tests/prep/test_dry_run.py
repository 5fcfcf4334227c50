"""`--dry-run`: what it foretells is what happens, and it leaves no trace."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from avme.config.prep import PrepConfig
from avme.errors import MismatchError, SystemRequirementError, UsageError
from avme.media.span import Span
from avme.prep.dry_run import DryRun, warn_of_disk
from avme.prep.partition import Partition
from avme.prep.plan import Plan
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.sources.clip_table import Selection, SourceClip, build_clip_table
from avme.sources.find_clips import SourceOptions
from avme.stages.prep import dry_run
from avme_cli.app import app

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]


def foretell(source: Path, out: Path, splits: Path | None = None, **settings: object) -> DryRun:
    config = PrepConfig.model_validate({"num_workers": 2, "shard_clips": 4, **settings})
    beside = SourceOptions(lists=splits)
    request = Request("ucf101", source, out=out, name="set", config=config, beside=beside)
    return dry_run(request, report=NullReporter())


def text(foretold: DryRun) -> str:
    return "\n".join(foretold.lines())


def traces(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")}


def test_dry_run_of_new_dataset_estimates_and_creates_no_folder(
    tmp_path: Path, videos: Path
) -> None:
    foretold = foretell(videos, tmp_path / "out")

    assert not (tmp_path / "out").exists()
    assert "12 clips of 2 classes; 0 done already, 12 to build in 3 of 3 shards" in text(foretold)
    assert "why: a new set" in text(foretold)
    assert "split 1: 8 train, 4 test" in text(foretold)
    assert foretold.has_room


def test_dry_run_disk_estimate_is_within_a_third(videos: Path, finished: PreparedDataset) -> None:
    foretold = foretell(videos, finished.folder.parent.parent / "elsewhere")
    shards = sum(path.stat().st_size for path in (finished.folder / "shards").iterdir())
    assert foretold.rate is not None

    made = sum(foretold.rate.num_bytes(clips) for clips in foretold.shards)

    assert 0.67 * shards < made < 1.33 * shards
    assert foretold.new_bytes > made
    assert 0 < foretold.seconds < 60


def test_dry_run_of_finished_dataset_has_nothing_to_do(
    tmp_path: Path, videos: Path, folder: Path
) -> None:
    before = traces(folder)

    foretold = foretell(videos, folder.parent)

    assert traces(folder) == before
    assert foretold.rate is None
    assert "12 done already, 0 to build" in text(foretold)
    assert "nothing to do" in text(foretold)


def test_dry_run_names_every_reason_and_changes_nothing(
    tmp_path: Path, source: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(source, tmp_path / "out").folder
    gone = source / "Archery" / "v_Archery_g01_c01.avi"
    shutil.copy(gone, source / "Bowling" / "v_Bowling_g20_c09.avi")
    gone.unlink()
    changed = source / "Archery" / "v_Archery_g01_c02.avi"
    changed.write_bytes(changed.read_bytes() + b"more")
    (folder / "shards" / "shard-00001.h5").unlink()
    os.truncate(folder / "shards" / "shard-00002.h5", 1000)
    before = traces(folder)

    foretold = foretell(source, tmp_path / "out")
    run_prep(source, tmp_path / "out")

    said = text(foretold)
    assert "source files: 1 added, 1 removed, 1 changed" in said
    assert "1 shards are missing" in said
    assert "1 shards do not have their recorded size" in said
    assert "after" in said
    assert "freed" in said
    assert set(foretold.plan.outdated) == {f"shard-0000{number}.h5" for number in range(4)}
    remade = {path for path, trace in traces(folder).items() if before.get(path) != trace}
    assert {Path(path).name for path in remade} >= set(foretold.plan.outdated)


def test_dry_run_with_other_lists_needs_no_shard(
    tmp_path: Path, source: Path, run_prep: RunPrep
) -> None:
    run_prep(source, tmp_path / "out")
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.avi"))
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "trainlist01.txt").write_text("".join(f"{name} 1\r\n" for name in names[2:]))
    (lists / "testlist01.txt").write_text("".join(f"{name}\r\n" for name in names[:2]))

    foretold = foretell(source, tmp_path / "out", splits=lists)

    assert "only tables, lists and manifest" in text(foretold)
    assert "split 1: 10 train, 2 test" in text(foretold)


def test_dry_run_of_a_part_estimates_its_own_shards(tmp_path: Path, videos: Path) -> None:
    config = PrepConfig(num_workers=2, shard_clips=4)
    request = Request(
        "ucf101", videos, out=tmp_path / "out", name="set", config=config, share=Partition(2, 3)
    )
    foretold = dry_run(request, report=NullReporter())

    assert (
        "12 clips of 2 classes; 0 done already and 8 of other parts, 4 to build in 1 of 3 shards"
        in text(foretold)
    )


def test_dry_run_refuses_what_a_run_refuses(videos: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="jpeg_quality is 3 there, 9 now"):
        foretell(videos, folder.parent, jpeg_quality=9)
    with pytest.raises(UsageError, match="does not exist"):
        foretell(tmp_path / "nowhere", tmp_path)


def test_dry_run_with_too_small_disk_is_code_6(videos: Path, tmp_path: Path) -> None:
    foretold = foretell(videos, tmp_path)
    object.__setattr__(foretold, "free_bytes", 1000)

    assert "NOT ENOUGH" in text(foretold)
    with pytest.raises(SystemRequirementError, match=r"1 kB free, about .* are needed") as caught:
        foretold.require_room()

    assert caught.value.exit_code == 6


def test_quarantined_clips_that_are_tried_again_are_counted(
    tmp_path: Path, source: Path, run_prep: RunPrep, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "Archery" / "v_Archery_g01_c01.avi").write_text("<html>404</html>")
    monkeypatch.chdir(tmp_path)
    run_prep(source, tmp_path / "data", name="ucf101")
    line = ["prep", "ucf101", str(source), "--set", "shard_clips=4", "--dry-run"]

    plain, retrying = (CliRunner().invoke(app, [*line, *more]) for more in ([], ["--retry"]))

    assert "why: the set is finished and nothing changed: nothing to do\n" in plain.stdout
    assert "8 done already, 4 to build in 1 of 3 shards" in retrying.stdout
    assert "why: 1 shards hold quarantined clips, which are retried\n" in retrying.stdout
    assert " are freed; " in retrying.stdout


def test_dry_run_command_prints_and_writes_nothing(
    tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["prep", "ucf101", str(videos), "--dry-run"])

    assert result.exit_code == 0
    assert result.stdout.startswith("data/ucf101: 12 clips of 2 classes")
    assert result.stdout.endswith("nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_dry_run_on_a_cluster_estimates_no_minutes(
    tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cluster = ["--dask", "tcp://127.0.0.1:1"]

    result = CliRunner().invoke(app, ["prep", "ucf101", str(videos), "--dry-run", *cluster])

    assert result.exit_code == 2
    assert result.stderr.startswith("error: --dry-run estimates the time of this machine")
    assert list(tmp_path.iterdir()) == []


class Heard(NullReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


def test_dry_run_counts_a_segmented_file_once(tmp_path: Path) -> None:
    clips = build_clip_table(
        SourceClip(
            id=f"{file}.mp4#{start}-{start + 1}",
            path=Path(f"{file}.mp4"),
            class_name="A",
            group=file,
            subset=None,
            num_bytes=10**15,
            mtime_ns=0,
            span=Span(float(start), start + 1.0),
        )
        for file in "ab"
        for start in range(40)
    )
    shards = {
        f"shard-{number:05d}.h5": Selection(clips, np.arange(5 * number, 5 * number + 5))
        for number in range(16)
    }
    heard = Heard()

    warn_of_disk(Plan(tmp_path, clips, shards, head={}), heard)

    assert "2000.0 TB will be needed" in heard.lines[0]
