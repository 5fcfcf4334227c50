"""Publication: tables and manifest from the finished shards."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from avme.errors import ArtifactError, TooManyFailedClips
from avme.prep import journal
from avme.prep.plan import Plan
from avme.prep.publish import iter_by_id, publish, require_max_failed, write_manifest, write_tables
from avme.prep.request import Request, find_source
from avme.progress import NullReporter
from avme.shards.contents import StoredClip
from avme.shards.dataset import PreparedDataset

RunPrep = Callable[..., PreparedDataset]


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "shards").iterdir())}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["index.csv", "quarantine.csv", "splits/split1-test.txt", "splits/split3-train.txt"]
)
def test_prepare_with_missing_table_writes_it_again(
    videos: Path, folder: Path, run_prep: RunPrep, name: str
) -> None:
    content, shards = (folder / name).read_bytes(), shard_bytes(folder)
    (folder / name).unlink()
    lines: list[str] = []

    run_prep(videos, folder.parent, lines=lines)

    assert (folder / name).read_bytes() == content
    assert shard_bytes(folder) == shards
    assert not any("nothing changed" in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("index.csv", b",audible,", b",none,"),
        ("quarantine.csv", b"reason", b"Reason"),
        ("dataset.json", b'"schema": 4', b'"schema": 3'),
        ("dataset.json", b'"name": "set"', b'"name": "pet"'),
        ("dataset.json", b"{", b"["),
    ],
)
def test_prepare_with_changed_table_writes_it_again(
    videos: Path, folder: Path, run_prep: RunPrep, name: str, before: bytes, after: bytes
) -> None:
    content, shards = (folder / name).read_bytes(), shard_bytes(folder)
    (folder / name).write_bytes(changed := content.replace(before, after, 1))
    assert changed != content

    run_prep(videos, folder.parent)

    assert (folder / name).read_bytes() == content
    assert shard_bytes(folder) == shards


@pytest.mark.slow
def test_prepare_with_changed_list_writes_it_again(
    videos: Path, folder: Path, run_prep: RunPrep
) -> None:
    path = folder / "splits" / "split1-test.txt"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"_g01", b"_g15", 1))

    run_prep(videos, folder.parent)

    assert path.read_bytes() == content


def test_write_tables_and_manifest_of_same_shards_give_the_same_bytes(
    folder: Path,
    finished: PreparedDataset,
    make_request: Callable[..., Request],
    plan_of: Callable[[Request], Plan],
) -> None:
    names = ("index.csv", "quarantine.csv", "dataset.json", "splits/split1-train.txt")
    for name in names:
        (folder / name).unlink()
    request = make_request()
    plan, splits = plan_of(request), find_source(request).splits
    shards = journal.account(folder, [plan.shard_path(name) for name in plan.shards])

    tally = write_tables(plan, splits)
    assert not (folder / "dataset.json").exists()
    manifest = write_manifest(
        plan,
        tally,
        splits,
        shards,
        name="set",
        layout="ucf101",
        config=request.config,
    )

    assert manifest == finished.manifest
    for name in names:
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_iter_by_id_yields_clips_of_all_shards_by_id(
    folder: Path,
    finished: PreparedDataset,
    make_request: Callable[..., Request],
    plan_of: Callable[[Request], Plan],
) -> None:
    plan = plan_of(make_request())

    ids = [clip.record.id if isinstance(clip, StoredClip) else clip.id for clip in iter_by_id(plan)]

    assert ids == [entry.id for entry in finished.entries]


def test_iter_by_id_with_exchanged_shards_is_refused(
    folder: Path, make_request: Callable[..., Request], plan_of: Callable[[Request], Plan]
) -> None:
    plan = plan_of(make_request())
    first, second = (plan.shard_path(name) for name in list(plan.shards)[:2])
    first.rename(folder / "x")
    second.rename(first)
    (folder / "x").rename(second)

    with pytest.raises(ArtifactError, match=r"shard-0000\d\.h5 does not hold the clips of "):
        list(iter_by_id(plan))


@pytest.mark.parametrize(
    ("num_good", "num_bad", "max_failed", "line"),
    [
        (11, 1, 0.0, None),
        (6, 6, 0.5, None),
        (5, 7, 0.5, "7 of 12 clips failed, expected at most 6: see .*--max-failed"),
        (0, 12, 1.0, "none of the 12 clips could be prepared"),
    ],
)
def test_require_enough_allows_one_failed_clip_or_a_fraction(
    num_good: int,
    num_bad: int,
    max_failed: float,
    line: str | None,
    make_request: Callable[..., Request],
    plan_of: Callable[[Request], Plan],
) -> None:
    plan = plan_of(make_request())

    with pytest.raises(TooManyFailedClips, match=line) if line else nullcontext():
        require_max_failed(plan, num_good, num_bad, max_failed)


def test_publish_reports_quarantined_clips_and_returns_the_dataset(
    folder: Path,
    finished: PreparedDataset,
    make_request: Callable[..., Request],
    plan_of: Callable[[Request], Plan],
) -> None:
    request = make_request()

    made = publish(plan_of(request), request, find_source(request).splits, NullReporter())

    assert made.folder == folder
    assert made.fingerprint == finished.fingerprint
