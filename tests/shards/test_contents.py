"""Content of finished shards: rows of valid clips, quarantined ones, order of several shards."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avme.errors import ArtifactError
from avme.shards.contents import concat_contents, read_contents
from avme.shards.dataset import PreparedDataset
from avme.shards.reader import ShardReader
from avme.shards.record import ClipRecord


@pytest.fixture
def readers(finished: PreparedDataset) -> Sequence[ShardReader]:
    return [ShardReader(path) for path in sorted((finished.folder / "shards").iterdir())]


def test_stored_in_of_all_shards_gives_every_entry_its_row(
    finished: PreparedDataset, readers: Sequence[ShardReader]
) -> None:
    found = [clip for reader in readers for clip in read_contents(reader).good]

    assert [(clip.record.id, clip.shard, clip.row) for clip in found] == [
        (entry.id, entry.shard, entry.row) for entry in finished.entries
    ]


def test_stored_in_has_sums_of_the_rows_with_audio(readers: Sequence[ShardReader]) -> None:
    for reader in readers:
        for clip in read_contents(reader).good:
            rows, valid = reader.mfcc(clip.row, 0, 4 * clip.record.frames)
            wanted = rows[valid].astype(np.float64)
            assert clip.num_rows == valid.sum()
            np.testing.assert_allclose(clip.mfcc_sum, wanted.sum(axis=0), rtol=1e-9)
            np.testing.assert_allclose(clip.mfcc_square, (wanted**2).sum(axis=0), rtol=1e-9)


def test_stored_in_with_quarantined_records_skips_their_rows(
    readers: Sequence[ShardReader],
) -> None:
    first, *rest = readers[0].records()
    bad = replace(first, id="0", reason="empty")

    found = read_contents(readers[0], [bad, first, *rest])

    assert found.bad == (bad,)
    assert [clip.row for clip in found.good] == list(range(1 + len(rest)))


def test_stored_in_of_damaged_shard_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard-00000.h5"
    path.write_bytes(b"no shard")

    with pytest.raises(ArtifactError, match="cannot be read as a shard"):
        read_contents(ShardReader(path))


def test_together_sorts_clips_of_several_shards_by_id(readers: Sequence[ShardReader]) -> None:
    parts = [read_contents(reader) for reader in readers]
    bad = [ClipRecord(name, "A", 0, "g", 1, reason="empty") for name in ("z", "a")]

    merged = concat_contents([clip for part in reversed(parts) for clip in part.good], bad)

    assert merged.good == tuple(clip for part in parts for clip in part.good)
    assert [record.id for record in merged.bad] == ["a", "z"]
