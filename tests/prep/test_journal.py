"""The journal survives a kill in the middle of a line; its last valid line of a shard counts."""

from dataclasses import replace
from pathlib import Path

from avme.io.filenames import JOURNAL
from avme.prep import journal
from avme.prep.write_shard import ShardDone

DONE = ShardDone("shard-00000.h5", "ab" * 32, 10, 20, clips=3, bad=1, seconds=0.5, ffmpeg="5.1")


def test_journal_returns_the_last_line_of_every_shard(tmp_path: Path) -> None:
    other = replace(DONE, name="shard-00001.h5")
    for line in (DONE, other, replace(DONE, clips=4)):
        journal.append(tmp_path, line)

    assert journal.read(tmp_path) == {
        DONE.name: replace(DONE, clips=4),
        other.name: other,
    }


def test_journal_with_a_truncated_line_keeps_all_others(tmp_path: Path) -> None:
    journal.append(tmp_path, DONE)
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes() + b'{"name": "shard-00001.h5", "sha')

    journal.append(tmp_path, replace(DONE, name="shard-00002.h5"))

    assert sorted(journal.read(tmp_path)) == ["shard-00000.h5", "shard-00002.h5"]


def test_missing_journal_is_empty(tmp_path: Path) -> None:
    assert journal.read(tmp_path) == {}
