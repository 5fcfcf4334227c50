"""Spooled column: rows of a shard in a temporary file, with only a piece in memory."""

from io import BufferedRandom
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_PIECE_BYTES = 8 * 1024 * 1024


class SpooledColumn:
    """Rows of one type and width, in the order in which they are added."""

    def __init__(self, path: Path, dtype: type[np.generic], width: int | None = None) -> None:
        self._dtype = np.dtype(dtype)
        self._shape = () if width is None else (width,)
        self._row_bytes = self._dtype.itemsize * (1 if width is None else width)
        self.file: BufferedRandom = path.open("w+b")
        """Rows may also be written to it as bytes; `commit` then commits them."""
        self._kept_bytes = 0
        self._path = path

    @property
    def num_rows(self) -> int:
        """Number of committed rows."""
        return self._kept_bytes // self._row_bytes

    def add(self, rows: NDArray[Any]) -> None:
        """Append and commit rows; of memory-mapped ones, a piece at a time is in memory."""
        step = max(1, _PIECE_BYTES // self._row_bytes)
        for begin in range(0, len(rows), step):
            piece = np.ascontiguousarray(rows[begin : begin + step], dtype=self._dtype)
            self.commit(self.file.write(piece.tobytes()))

    def commit(self, num_bytes: int) -> None:
        """Commit `num_bytes` written bytes."""
        self._kept_bytes += num_bytes

    def rollback(self) -> None:
        """Roll back uncommitted bytes."""
        self.file.seek(self._kept_bytes)
        self.file.truncate()

    def write(self, target: h5py.File, name: str) -> None:
        """Write all rows as the column `name`."""
        column = target.create_dataset(name, shape=(self.num_rows, *self._shape), dtype=self._dtype)
        step = max(1, _PIECE_BYTES // self._row_bytes)
        self.file.seek(0)
        for begin in range(0, self.num_rows, step):
            end = min(begin + step, self.num_rows)
            piece = np.frombuffer(self.file.read((end - begin) * self._row_bytes), self._dtype)
            column[begin:end] = piece.reshape(-1, *self._shape)

    def close(self) -> None:
        """Close and delete the file."""
        self.file.close()
        self._path.unlink(missing_ok=True)
