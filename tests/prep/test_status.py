"""Which shards of a folder must be built, and why."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from avme.errors import ArtifactError, MismatchError
from avme.prep.status import find_outdated, is_published, manifest_of
from avme.shards.dataset import PreparedDataset, split_path
from avme.sources.clip_table import Selection, SourceClip, build_clip_table
from avme.sources.splits import Split, split_at

RunPrep = Callable[..., PreparedDataset]


def selections(folder: Path) -> dict[str, Selection]:
    """Clips of three shards of four."""
    entries = PreparedDataset.open(folder).entries
    clips = build_clip_table(
        SourceClip(entry.id, Path(entry.id), entry.class_name, entry.group, None, 1, 1)
        for entry in entries
    )
    return {
        f"shard-{number:05d}.h5": Selection(clips, np.arange(4 * number, 4 * number + 4))
        for number in range(3)
    }


def splits_of(folder: Path) -> list[Split]:
    """Published splits, of which no clip is quarantined."""
    clips = selections(folder)["shard-00000.h5"].clips

    def indices(split: str, part: str) -> NDArray[np.int64]:
        ids = split_path(folder, split, part).read_text().split()
        return np.array([clips.find(clip_id) for clip_id in ids], dtype=np.int64)

    return [
        split_at(name, clips, indices(name, "train"), indices(name, "test"))
        for name in manifest_of(folder)["splits"]
    ]


def test_find_outdated_of_a_finished_folder_returns_nothing(folder: Path) -> None:
    shards = selections(folder)

    assert find_outdated(folder, manifest_of(folder), shards, (), retry=True) == {}


def test_find_outdated_names_every_reason_in_order(folder: Path) -> None:
    first, second, third = shards = selections(folder)
    quarantined = next(iter(shards[second].ids()))
    (folder / "quarantine.csv").write_text(f"id,reason\n{quarantined},truncated\n")
    (folder / "shards" / third).unlink()
    manifest = manifest_of(folder)

    found = find_outdated(folder, manifest, shards, {first, "gone"}, retry=True)

    assert list(found.items()) == [(third, "missing"), (first, "stale"), (second, "retry")]
    manifest["shards"][second]["bytes"] += 1
    found = find_outdated(folder, manifest, shards, (), retry=True)
    assert list(found.items()) == [(third, "missing"), (second, "broken")]


def test_find_outdated_with_an_invalid_quarantine_refuses_to_retry(folder: Path) -> None:
    (folder / "quarantine.csv").write_text("name\nx\n")

    with pytest.raises(ArtifactError, match="`avme verify` shows how to fix it"):
        find_outdated(folder, manifest_of(folder), selections(folder), (), retry=True)


def test_is_published_compares_splits_and_files(folder: Path) -> None:
    splits = splits_of(folder)
    others = [Split(split.name, split.test, split.train) for split in splits]

    assert is_published(folder, manifest_of(folder), splits, None)
    assert not is_published(folder, manifest_of(folder), others, None)
    with pytest.raises(MismatchError, match="its videos moved from /before"):
        is_published(folder, manifest_of(folder), others, "/before")
    (folder / "index.csv").write_text("")
    assert not is_published(folder, manifest_of(folder), splits, None)


def test_manifest_of_a_folder_without_one_has_no_shards(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "dataset.json").unlink()

    assert manifest_of(tmp_path / "copy") == {"shards": {}, "splits": {}}
    assert not is_published(folder, manifest_of(tmp_path / "copy"), [], None)


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "shards").iterdir())}


@pytest.mark.slow
def test_prepare_with_truncated_shard_builds_it_again(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    before = shard_bytes(folder)
    os.truncate(folder / "shards" / "shard-00000.h5", 1000)

    run_prep(videos, tmp_path)

    assert shard_bytes(folder) == before


@pytest.mark.slow
def test_prepare_of_unfinished_dataset_with_truncated_shard_builds_it_again(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    before = shard_bytes(folder)
    (folder / "dataset.json").unlink()
    os.truncate(folder / "shards" / "shard-00000.h5", 1000)

    run_prep(videos, tmp_path)

    assert shard_bytes(folder) == before


@pytest.mark.slow
def test_prepare_with_older_journal_line_keeps_the_shard(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    shard = folder / "shards" / "shard-00000.h5"
    (folder / "dataset.json").unlink()
    lines = (folder / "prep.jsonl").read_text().splitlines()
    older = [json.dumps(json.loads(line) | {"num_bytes": 1}) for line in lines]
    (folder / "prep.jsonl").write_text("\n".join(older) + "\n")
    made = shard.stat().st_mtime_ns

    run_prep(videos, tmp_path)

    assert shard.stat().st_mtime_ns == made
