"""Who does the work makes no difference: parts, Dask, workers that die."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dask import config
from distributed import LocalCluster

from avme.config import PrepConfig
from avme.errors import AvmeError, TooManyFailedClips, UsageError
from avme.io.filenames import DATASET_MANIFEST
from avme.io.lock import holding
from avme.media.ffmpeg.process import find_ffmpeg
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


@pytest.fixture
def deadly_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts an ffmpeg on PATH that kills whoever runs it on one clip, so many times."""
    real = find_ffmpeg()
    program = tmp_path / "bin" / "ffmpeg"

    def arm(times: int) -> None:
        program.parent.mkdir()
        for number in range(times):
            (program.parent / f"shot{number}").touch()
        program.write_text(
            "#!/bin/sh\n"
            f'case "$*" in *{VICTIM}*)\n'
            f'  for shot in "{program.parent}"/shot*; do\n'
            '    [ -e "$shot" ] && rm "$shot" && kill -9 $PPID && exit 1\n'
            "  done;;\n"
            "esac\n"
            f'exec "{real}" "$@"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return arm


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


def test_a_worker_that_dies_once_costs_nothing(
    videos: Path,
    tmp_path: Path,
    finished: PreparedDataset,
    run_prep: RunPrep,
    deadly_ffmpeg: Callable[..., None],
) -> None:
    deadly_ffmpeg(times=1)
    lines: list[str] = []

    done = run_prep(videos, tmp_path / "out", lines=lines)

    assert shard_bytes(done.folder) == shard_bytes(finished.folder)
    (said,) = [line for line in lines if "a worker died on" in line]
    assert VICTIM in said
    assert "prepare 12/12" in lines
    assert not (done.folder / ".work").exists()


def test_a_clip_that_kills_every_worker_is_given_up_and_named(
    videos: Path, tmp_path: Path, run_prep: RunPrep, deadly_ffmpeg: Callable[..., None]
) -> None:
    deadly_ffmpeg(times=99)
    lines: list[str] = []

    done = run_prep(videos, tmp_path / "out", lines=lines)

    quarantine = (done.folder / "quarantine.csv").read_text().splitlines()[1:]
    assert len(quarantine) == 1
    assert VICTIM in quarantine[0]
    assert ",crashed," in quarantine[0]
    assert done.manifest["counts"]["clips"] == 11
    assert "prepare 12/12" in lines
    assert run_prep(videos, tmp_path / "out").fingerprint == done.fingerprint


def test_workers_that_die_on_no_clip_end_the_run(
    videos: Path, tmp_path: Path, run_prep: RunPrep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.prep.runner.write_shard", _Fatal())

    with pytest.raises(AvmeError, match="3 workers died over shard-0000"):
        run_prep(videos, tmp_path)


class _Fatal:
    """Ends the process that it is sent to."""

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (9,)

    def __call__(self, task: object) -> None:
        raise AssertionError("never called where it is not sent")


@pytest.mark.filterwarnings("default")  # of Dask's own threads
def test_a_dask_cluster_makes_the_same_set_even_if_a_worker_dies(
    videos: Path,
    tmp_path: Path,
    finished: PreparedDataset,
    run_prep: RunPrep,
    cluster: str,
    deadly_ffmpeg: Callable[..., None],
) -> None:
    deadly_ffmpeg(times=1)

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
    deadly_ffmpeg(times=99)

    done = run_prep(videos, tmp_path / "out", dask=cluster)

    assert f"Bowling/{VICTIM}" in (done.folder / "quarantine.csv").read_text()


def part(videos: Path, out: Path, index: int, count: int, **more: Any) -> PreparedDataset | None:
    settings = PrepConfig(num_workers=1, shard_clips=4)
    share = Partition(index, count)
    request = Request("ucf101", videos, out=out, name="set", config=settings, share=share)
    return prepare(request, report=NullReporter(), **more)


def test_a_part_that_finds_other_files_waits_for_those_at_work(
    source: Path, tmp_path: Path
) -> None:
    assert part(source, tmp_path, 1, 2) is None
    first = sorted(source.rglob("*.avi"))[0]  # of the first part
    first.write_bytes(first.read_bytes() + b"more")
    plan = (tmp_path / "set" / "plan.json").read_bytes()

    with holding(tmp_path / "set", shared=True), pytest.raises(UsageError, match="is at work on"):
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


def test_a_quarantined_clip_is_tried_again_when_asked(
    source: Path, finished: PreparedDataset, tmp_path: Path, run_prep: RunPrep
) -> None:
    with pytest.raises(TooManyFailedClips, match="none of the 12 clips"):
        run_prep(source, tmp_path / "out", timeout_seconds=0.001)
    assert "timeout" in (tmp_path / "out/set/quarantine.csv").read_text()
    again = run_prep(source, tmp_path / "out", retry=True)

    assert again.manifest["counts"] == finished.manifest["counts"]
    assert shard_bytes(again.folder) == shard_bytes(finished.folder)
