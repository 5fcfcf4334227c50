"""Building of missing shards: choice, dying workers, half-written files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import AvmeError, TooManyFailedClips
from avme.prep import journal
from avme.prep.partition import Partition
from avme.prep.plan import Plan
from avme.prep.request import Request, find_recipe
from avme.prep.runner import build_shards
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]
VICTIM = "v_Bowling_g08_c01"


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "shards").iterdir()}


def test_build_shards_with_worker_dying_once_gives_same_shards(
    videos: Path,
    tmp_path: Path,
    finished: PreparedDataset,
    run_prep: RunPrep,
    deadly_ffmpeg: Callable[..., None],
) -> None:
    deadly_ffmpeg(VICTIM, times=1)
    lines: list[str] = []

    done = run_prep(videos, tmp_path / "out", lines=lines)

    assert shard_bytes(done.folder) == shard_bytes(finished.folder)
    (said,) = [line for line in lines if "a worker died on" in line]
    assert VICTIM in said
    assert "prepare 12/12" in lines
    assert not (done.folder / ".work").exists()


def test_build_shards_with_clip_killing_every_worker_quarantines_it(
    videos: Path, tmp_path: Path, run_prep: RunPrep, deadly_ffmpeg: Callable[..., None]
) -> None:
    deadly_ffmpeg(VICTIM, times=99)
    lines: list[str] = []

    done = run_prep(videos, tmp_path / "out", lines=lines)

    quarantine = (done.folder / "quarantine.csv").read_text().splitlines()[1:]
    assert len(quarantine) == 1
    assert VICTIM in quarantine[0]
    assert ",crashed," in quarantine[0]
    assert done.manifest["counts"]["clips"] == 11
    assert "prepare 12/12" in lines
    assert run_prep(videos, tmp_path / "out").fingerprint == done.fingerprint


def test_build_shards_with_workers_dying_on_no_clip_ends_the_run(
    videos: Path, tmp_path: Path, run_prep: RunPrep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.prep.runner.write_shard", _Fatal())

    with pytest.raises(AvmeError, match="3 workers died on shard-0000"):
        run_prep(videos, tmp_path)


def test_build_shards_with_retry_rebuilds_shards_of_quarantined_clips(
    source: Path, finished: PreparedDataset, tmp_path: Path, run_prep: RunPrep
) -> None:
    with pytest.raises(TooManyFailedClips, match="none of the 12 clips"):
        run_prep(source, tmp_path / "out", timeout_seconds=0.001)
    assert "timeout" in (tmp_path / "out/set/quarantine.csv").read_text()
    again = run_prep(source, tmp_path / "out", retry=True)

    assert again.manifest["counts"] == finished.manifest["counts"]
    assert shard_bytes(again.folder) == shard_bytes(finished.folder)


def test_build_shards_with_missing_shard_builds_only_that(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    before = shard_bytes(folder)
    times = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").iterdir()}
    (folder / "shards" / "shard-00001.h5").unlink()

    run_prep(videos, tmp_path)

    assert shard_bytes(folder) == before
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").iterdir()}
    assert {name for name in after if after[name] != times[name]} == {"shard-00001.h5"}


def test_build_shards_deletes_half_written_files(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    (folder / "dataset.json").unlink()
    left = [
        folder / name for name in (".dataset.json.x.tmp", "shards/.a.h5.x.tmp", "splits/.1.x.tmp")
    ]
    for path in left:
        path.write_text("half")

    run_prep(videos, tmp_path)

    assert not any(path.exists() for path in left)


def test_build_shards_of_partition_leaves_the_others(
    folder: Path,
    finished: PreparedDataset,
    make_request: Callable[..., Request],
    plan_of: Callable[[Request], Plan],
) -> None:
    before = shard_bytes(finished.folder)
    for path in (folder / "shards").iterdir():
        path.unlink()
    request = make_request(share=Partition(2, 3))
    recipe = find_recipe(request.config)

    build_shards(plan_of(request), request, recipe, NullReporter())

    assert shard_bytes(folder) == {"shard-00001.h5": before["shard-00001.h5"]}
    assert journal.read(folder)["shard-00001.h5"].num_bytes == len(before["shard-00001.h5"])


class _Fatal:
    """Ends the process that it is sent to."""

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (9,)

    def __call__(self, task: object) -> None:
        raise AssertionError("never called where it is not sent")
