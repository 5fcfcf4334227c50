"""Marks of shards in work."""

from pathlib import Path

from avme.prep import progress_file
from avme.prep.progress_file import ShardProgress


def test_shard_progress_reads_the_last_mark_and_removes_it(tmp_path: Path) -> None:
    progress_file.write_progress(tmp_path, "shard-00000.h5", ShardProgress(0, "A/é.avi"))
    progress_file.write_progress(tmp_path, "shard-00000.h5", ShardProgress(1, None))

    assert progress_file.read_progress(tmp_path, "shard-00000.h5") == ShardProgress(1, None)
    assert progress_file.read_progress(tmp_path, "shard-00001.h5") is None
    assert len(list(tmp_path.iterdir())) == 1

    progress_file.remove_progress(tmp_path, "shard-00000.h5")

    assert progress_file.read_progress(tmp_path, "shard-00000.h5") is None


def test_shard_progress_of_truncated_mark_is_none(tmp_path: Path) -> None:
    (tmp_path / "shard.h5.now").write_text("[3, ")

    assert progress_file.read_progress(tmp_path, "shard.h5") is None
