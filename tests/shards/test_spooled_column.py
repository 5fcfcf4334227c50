"""A spooled column writes committed rows only, whatever was written and rolled back between."""

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


def test_spool_leaves_no_file(tmp_path: Path) -> None:
    spool = SpooledColumn(tmp_path / "spool", np.uint8)
    spool.commit(spool.file.write(b"abc"))

    assert spool.num_rows == 3
    spool.close()
    assert not list(tmp_path.iterdir())
