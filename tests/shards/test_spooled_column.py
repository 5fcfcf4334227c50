"""A spooled column writes committed rows only, whatever was written and rolled back between."""

import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from avme.shards.spooled_column import SpooledColumn


@pytest.mark.parametrize("width", [None, 3])
def test_spool_writes_committed_rows_in_order(width: int | None, tmp_path: Path) -> None:
    size = (5,) if width is None else (5, width)
    rows = np.arange(np.prod(size), dtype=np.float32).reshape(size)
    spool = SpooledColumn(tmp_path / "spool", np.float32, width)

    spool.add(rows[:2])
    spool.file.write(b"half a row")
    spool.rollback()
    spool.add(rows[2:])

    assert spool.num_rows == 5
    with h5py.File(tmp_path / "shard.h5", "w") as file:
        spool.write(file, "rows")
        assert file["rows"].dtype == np.float32
        assert np.array_equal(file["rows"][:], rows)
    spool.close()


@pytest.mark.slow
def test_spool_of_long_memory_mapped_rows_keeps_a_piece_in_memory(tmp_path: Path) -> None:
    """Half an hour of samples, every second one of a file, as of a stereo track."""
    num_rows = 30 * 60 * 16_000
    pair = np.memmap(tmp_path / "track", dtype="<i2", mode="w+", shape=(num_rows, 2))
    pair[:, 0] = np.arange(num_rows) % 30_011
    spool = SpooledColumn(tmp_path / "spool", np.int16)

    tracemalloc.start()
    try:
        spool.add(pair[:, 0])
        with h5py.File(tmp_path / "shard.h5", "w") as file:
            spool.write(file, "pcm")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    spool.close()

    with h5py.File(tmp_path / "shard.h5", "r") as file:
        assert np.array_equal(file["pcm"][:], pair[:, 0])
    assert peak < 30_000_000 < 2 * num_rows


def test_spool_leaves_no_file(tmp_path: Path) -> None:
    spool = SpooledColumn(tmp_path / "spool", np.uint8)
    spool.commit(spool.file.write(b"abc"))

    assert spool.num_rows == 3
    spool.close()
    assert not list(tmp_path.iterdir())
