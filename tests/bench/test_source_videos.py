"""The videos of a set are found where they were, or where one says they are."""

import shutil
from pathlib import Path

import pytest

from avme.bench.source_videos import videos_of
from avme.errors import UsageError
from avme.io.atomic import read_json
from avme.shards.dataset import PreparedDataset


def test_videos_of_clip_ids_returns_the_video_of_each(prepared: PreparedDataset) -> None:
    found = videos_of(prepared, None)

    assert tuple(found) == prepared.entries
    assert all(path.is_file() and path.as_posix().endswith(e.id) for e, path in found.items())


def test_videos_may_have_moved(prepared: PreparedDataset, tmp_path: Path) -> None:
    entry = prepared.entries[0]
    (tmp_path / entry.id).parent.mkdir(parents=True)
    source = Path(read_json(prepared.folder / "plan.json")["identity"]["source"])
    shutil.copy(source / entry.id, tmp_path / entry.id)

    assert videos_of(prepared, tmp_path) == {entry: tmp_path / entry.id}


def test_videos_of_folder_without_them_is_refused(
    prepared: PreparedDataset, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"holds no video of .*--videos"):
        videos_of(prepared, tmp_path)
