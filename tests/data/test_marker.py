"""Marks of shards in work."""

from pathlib import Path

from avme.data import marker
from avme.data.marker import Mark


def test_the_last_mark_is_read_and_can_be_removed(tmp_path: Path) -> None:
    marker.put(tmp_path, "shard-00000.h5", Mark(0, "A/é.avi"))
    marker.put(tmp_path, "shard-00000.h5", Mark(1, None))

    assert marker.read(tmp_path, "shard-00000.h5") == Mark(1, None)
    assert marker.read(tmp_path, "shard-00001.h5") is None
    assert len(list(tmp_path.iterdir())) == 1

    marker.remove(tmp_path, "shard-00000.h5")

    assert marker.read(tmp_path, "shard-00000.h5") is None


def test_a_torn_mark_is_none(tmp_path: Path) -> None:
    (tmp_path / "shard.h5.now").write_text("[3, ")

    assert marker.read(tmp_path, "shard.h5") is None
