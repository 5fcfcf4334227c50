"""Plan of a dataset: assignment of clips to shards, changes, refusals."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError, MismatchError
from avme.io.atomic import read_json, write_json
from avme.prep.partition import Partition
from avme.prep.plan import Plan, clips_per_shard, make_plan
from avme.prep.request import Request, find_recipe
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.sources.clip_table import ClipTable, SourceClip, build_clip_table
from avme.sources.splits import SourceResult

RunPrep = Callable[..., PreparedDataset]


@pytest.mark.parametrize("name", ["../../marker.h5", "/{}/marker.h5"])
def test_make_plan_with_path_as_shard_name_deletes_nothing(
    name: str, tmp_path: Path, videos: Path, folder: Path, run_prep: RunPrep
) -> None:
    marker = tmp_path / "marker.h5"
    marker.write_text("precious")
    plan = read_json(folder / "plan.json")
    plan["shards"][name.format(tmp_path)] = plan["shards"].pop("shard-00001.h5")
    plan["clips"].popitem()  # as if a file were gone: its shard is stale
    write_json(folder / "plan.json", plan)

    with pytest.raises(ArtifactError, match=r"plan\.json is damaged"):
        run_prep(videos, folder.parent)

    assert marker.read_text() == "precious"


@pytest.mark.parametrize("damage", ["{", "{}"])
def test_make_plan_with_damaged_plan_is_refused(
    videos: Path, folder: Path, run_prep: RunPrep, damage: str
) -> None:
    (folder / "plan.json").write_text(damage)

    with pytest.raises(ArtifactError, match=r"plan\.json is damaged.*choose another with --out"):
        run_prep(videos, folder.parent)


def test_make_plan_with_other_workers_or_limits_changes_nothing(
    videos: Path, folder: Path, finished: PreparedDataset, run_prep: RunPrep
) -> None:
    again = run_prep(videos, folder.parent, num_workers=1, timeout_seconds=5.0, max_failed=0.5)

    assert again.fingerprint == finished.fingerprint


def test_make_plan_with_other_settings_names_both_values(
    videos: Path, folder: Path, run_prep: RunPrep
) -> None:
    with pytest.raises(MismatchError, match=r": jpeg_quality is 3 there, 9 now:") as caught:
        run_prep(videos, folder.parent, jpeg_quality=9)

    assert "--out or --name" in str(caught.value)


def clips_of(*names: str, num_bytes: int = 1) -> ClipTable:
    return build_clip_table(
        SourceClip(name, Path(name), "A", "", None, num_bytes=num_bytes, mtime_ns=1)
        for name in names
    )


def plan_of(clips: ClipTable, folder: Path, source: str = "videos", **settings: object) -> Plan:
    config = PrepConfig.model_validate({"shard_clips": 2, **settings})
    given = folder / source
    request = Request("folder", given, out=folder.parent, name=folder.name, config=config)
    return make_plan(request, SourceResult(clips, ()), find_recipe(config), NullReporter())


def assigned(plan: Plan) -> dict[str, list[str]]:
    return {name: list(clips.ids()) for name, clips in plan.shards.items()}


def test_make_plan_fills_shards_in_id_order_and_writes_nothing(tmp_path: Path) -> None:
    made = plan_of(clips_of("c", "a", "b"), tmp_path)

    assert assigned(made) == {"shard-00000.h5": ["a", "b"], "shard-00001.h5": ["c"]}
    assert (made.before, made.stale) == ({}, frozenset())
    assert made.missing() == ("shard-00000.h5", "shard-00001.h5")
    assert list(tmp_path.iterdir()) == []


def test_make_plan_of_same_clips_is_the_plan_that_was_written(tmp_path: Path) -> None:
    plan_of(clips_of("a", "b", "c"), tmp_path).write()
    written = (tmp_path / "plan.json").stat()

    again = plan_of(clips_of("a", "b", "c"), tmp_path)
    again.write()

    assert (again.added, again.stale) == (frozenset(), frozenset())
    assert again.changes.total == 0
    assert (tmp_path / "plan.json").stat().st_mtime_ns == written.st_mtime_ns


def test_make_plan_with_added_and_removed_clips_keeps_the_others_in_place(
    tmp_path: Path,
) -> None:
    plan_of(clips_of("a", "b", "c", "d"), tmp_path).write()

    made = plan_of(clips_of("0", "a", "b", "c"), tmp_path)

    assert assigned(made) == {
        "shard-00000.h5": ["a", "b"],
        "shard-00001.h5": ["c"],
        "shard-00002.h5": ["0"],
    }
    assert made.stale == {"shard-00001.h5"}
    assert made.added == {"shard-00002.h5"}


def test_write_of_changed_clip_deletes_manifest_and_its_shard_only(tmp_path: Path) -> None:
    plan_of(clips_of("a", "b", "c"), tmp_path).write()
    (tmp_path / "shards").mkdir()
    for name in ("dataset.json", "shards/shard-00000.h5", "shards/shard-00001.h5"):
        (tmp_path / name).touch()
    table = build_clip_table(
        SourceClip(name, Path(name), "A", "", None, num_bytes=1 + (name == "c"), mtime_ns=1)
        for name in "abc"
    )

    plan_of(table, tmp_path).write()

    assert not (tmp_path / "dataset.json").exists()
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["shard-00000.h5"]


def test_write_of_finished_dataset_keeps_its_limits(tmp_path: Path) -> None:
    plan_of(clips_of("a"), tmp_path, max_failed=0.5).write()

    replace(plan_of(clips_of("a"), tmp_path, max_failed=0.25), is_finished=True).write()
    kept = read_json(tmp_path / "plan.json")["call"]["max_failed"]
    plan_of(clips_of("a"), tmp_path, max_failed=0.25).write()

    assert (kept, read_json(tmp_path / "plan.json")["call"]["max_failed"]) == (0.5, 0.25)


def test_make_plan_of_moved_videos_needs_the_same_files(tmp_path: Path) -> None:
    plan_of(clips_of("a", "b"), tmp_path).write()

    moved = plan_of(clips_of("a", "b"), tmp_path, "moved")
    assert moved.before["identity"]["source"] == str(tmp_path / "videos")
    assert moved.head["identity"]["source"] == str(tmp_path / "moved")
    with pytest.raises(MismatchError, match=r"its files differ \(1 more, 1 missing, 0 diff"):
        plan_of(clips_of("a", "c"), tmp_path, "moved")


def test_make_plan_of_partition_owns_every_other_shard(tmp_path: Path) -> None:
    config = PrepConfig(shard_clips=1)
    request = Request("folder", tmp_path, out=tmp_path, name="set", config=config)
    source, recipe = SourceResult(clips_of(*"abc"), ()), find_recipe(config)

    owns = [
        make_plan(replace(request, share=share), source, recipe, NullReporter()).own
        for share in (None, Partition(1, 2), Partition(2, 2))
    ]

    names = [f"shard-0000{number}.h5" for number in range(3)]
    assert owns == [set(names), {names[0], names[2]}, {names[1]}]


@pytest.mark.parametrize(
    ("num_clips", "wanted", "size"),
    [(1, None, 1), (16, None, 1), (17, None, 2), (2032, None, 127), (10**6, None, 128), (9, 4, 4)],
)
def test_clips_per_shard_gives_small_datasets_sixteen_shards(
    num_clips: int, wanted: int | None, size: int
) -> None:
    assert clips_per_shard(num_clips, wanted) == size
