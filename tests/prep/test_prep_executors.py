"""Who does the work makes no difference: parts, Dask, workers that die."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dask import config
from distributed import LocalCluster

from avme.config import PrepConfig
from avme.errors import UsageError
from avme.io.filenames import DATASET_MANIFEST
from avme.io.lock import holding
from avme.prep.partition import Partition
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.sources.folder import Layout
from avme.stages.prep import prepare

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]
VICTIM = "v_Bowling_g08_c01"


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "shards").iterdir()}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Dask cluster of two workers, each a process, on loopback."""
    with (
        config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as made,
    ):
        yield str(made.scheduler_address)


def test_parts_make_the_set_together(
    videos: Path, tmp_path: Path, finished: PreparedDataset
) -> None:
    def make(index: int) -> PreparedDataset | None:
        settings = PrepConfig(num_workers=1, shard_clips=4)
        share = Partition(index, 2)
        request = Request("ucf101", videos, out=tmp_path, name="set", config=settings, share=share)
        return prepare(request, report=NullReporter())

    assert make(1) is None
    assert len(shard_bytes(tmp_path / "set")) == 2
    assert not (tmp_path / "set" / DATASET_MANIFEST).exists()
    assert make(1) is None  # nothing to do, and still not alone

    done = make(2)

    assert done is not None
    assert done.fingerprint == finished.fingerprint
    assert shard_bytes(done.folder) == shard_bytes(finished.folder)
    tables = ("index.csv", "quarantine.csv", "dataset.json")
    for name in tables:
        assert (done.folder / name).read_bytes() == (finished.folder / name).read_bytes()
    assert not (done.folder / ".work").exists()


@pytest.mark.filterwarnings("default")  # of Dask's own threads
def test_prep_with_dask_is_identical_even_if_a_worker_dies(
    videos: Path,
    tmp_path: Path,
    finished: PreparedDataset,
    run_prep: RunPrep,
    cluster: str,
    deadly_ffmpeg: Callable[..., None],
) -> None:
    deadly_ffmpeg(VICTIM, times=1)

    done = run_prep(videos, tmp_path / "out", dask=cluster)

    assert list((tmp_path / "bin").glob("shot*")) == []
    assert done.fingerprint == finished.fingerprint
    assert shard_bytes(done.folder) == shard_bytes(finished.folder)


@pytest.mark.filterwarnings("default")  # of Dask's own threads
@pytest.mark.parametrize("layout", ["ucf101", "csv"])
def test_relative_paths_mean_the_same_to_workers_in_another_folder(
    source: Path,
    tmp_path: Path,
    run_prep: RunPrep,
    cluster: str,
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = (f"{path.relative_to(tmp_path)},{path.parent.name}\n" for path in source.rglob("*.avi"))
    (tmp_path / "list.csv").write_text("path,label\n" + "".join(rows))
    monkeypatch.chdir(tmp_path)  # and not the workers
    given = Path("videos" if layout == "ucf101" else "list.csv")

    done = run_prep(given, Path("data"), dask=cluster, layout=layout)

    assert done.manifest["counts"]["clips"] == 12


@pytest.mark.filterwarnings("default")  # of Dask's own threads
def test_on_dask_too_a_clip_that_kills_every_worker_is_named(
    videos: Path,
    tmp_path: Path,
    run_prep: RunPrep,
    cluster: str,
    deadly_ffmpeg: Callable[..., None],
) -> None:
    deadly_ffmpeg(VICTIM, times=99)

    done = run_prep(videos, tmp_path / "out", dask=cluster)

    assert f"Bowling/{VICTIM}" in (done.folder / "quarantine.csv").read_text()


def part(videos: Path, out: Path, index: int, count: int, **more: Any) -> PreparedDataset | None:
    settings = PrepConfig(num_workers=1, shard_clips=4)
    share = Partition(index, count)
    request = Request("ucf101", videos, out=out, name="set", config=settings, share=share)
    return prepare(request, report=NullReporter(), **more)


def test_prep_of_a_part_with_changed_files_waits_for_running_parts(
    source: Path, tmp_path: Path
) -> None:
    assert part(source, tmp_path, 1, 2) is None
    first = sorted(source.rglob("*.avi"))[0]  # of the first part
    first.write_bytes(first.read_bytes() + b"more")
    plan = (tmp_path / "set" / "plan.json").read_bytes()

    with holding(tmp_path / "set", shared=True), pytest.raises(UsageError, match="is running on"):
        part(source, tmp_path, 2, 2)
    assert (tmp_path / "set" / "plan.json").read_bytes() == plan

    assert part(source, tmp_path, 2, 2) is None  # now the shard of that file is to be made
    assert part(source, tmp_path, 1, 2) is not None


def test_parts_of_another_number_are_refused(videos: Path, tmp_path: Path) -> None:
    with (
        holding(tmp_path / "set", "parts-of-3", shared=True),
        pytest.raises(UsageError, match="parts-of-3"),
    ):
        part(videos, tmp_path, 1, 2)

    assert part(videos, tmp_path, 1, 1) is not None
