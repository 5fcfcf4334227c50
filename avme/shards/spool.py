"""A column of a shard, in a file until the shard is written: only a piece of it is in memory."""

from io import BufferedRandom
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_PIECE_BYTES = 8 * 1024 * 1024


class Spool:
    """Rows of one type and width, in the order in which they are added."""

    def __init__(self, path: Path, dtype: type[np.generic], width: int | None = None) -> None:
        self._dtype = np.dtype(dtype)
        self._shape = () if width is None else (width,)
        self._row_bytes = self._dtype.itemsize * (1 if width is None else width)
        self.file: BufferedRandom = path.open("w+b")
        """Rows may also be written to it as bytes; `keep` then says up to where."""
        self._kept_bytes = 0
        self._path = path

    @property
    def num_rows(self) -> int:
        """How many are kept."""
        return self._kept_bytes // self._row_bytes

    def add(self, rows: NDArray[Any]) -> None:
        """Appends rows and keeps them."""
        self.keep(self.file.write(np.ascontiguousarray(rows, dtype=self._dtype).tobytes()))

    def keep(self, num_bytes: int) -> None:
        """So many bytes more were written and are good."""
        self._kept_bytes += num_bytes

    def forget(self) -> None:
        """Cuts off what was written and not kept."""
        self.file.seek(self._kept_bytes)
        self.file.truncate()

    def write(self, target: h5py.File, name: str) -> None:
        """Makes the column `name` of all rows."""
        column = target.create_dataset(name, shape=(self.num_rows, *self._shape), dtype=self._dtype)
        step = max(1, _PIECE_BYTES // self._row_bytes)
        self.file.seek(0)
        for begin in range(0, self.num_rows, step):
            end = min(begin + step, self.num_rows)
            piece = np.frombuffer(self.file.read((end - begin) * self._row_bytes), self._dtype)
            column[begin:end] = piece.reshape(-1, *self._shape)

    def close(self) -> None:
        """Ends it; nothing stays on the disk."""
        self.file.close()
        self._path.unlink(missing_ok=True)
