"""String array: UTF-8 buffer plus int64 offsets (8 bytes overhead per string)."""

from array import array
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain, pairwise
from typing import Final

import numpy as np
from jaxtyping import Bool, Int64
from numpy.typing import NDArray

_PIECE: Final = 4096
"""Strings sorted at a time; the sorted pieces are merged."""


class StringArray:
    """Array of short strings in one buffer, with the end of each."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("q")
        for text in texts:
            self.append(text.encode())

    def append(self, text: bytes) -> None:
        """Append a string."""
        self._bytes += text
        self._ends.append(len(self._bytes))

    def get_bytes(self, index: int) -> bytes:
        """Return a string in UTF-8, which sorts as the string does."""
        begin = self._ends[index - 1] if index else 0
        return bytes(self._bytes[begin : self._ends[index]])

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        return self.get_bytes(index).decode()

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: NDArray[np.int64]) -> "StringArray":
        """Return the strings at these indices, in their order."""
        taken = StringArray()
        for index in indices:
            taken.append(self.get_bytes(int(index)))
        return taken

    def argsort(self) -> Int64[np.ndarray, " n"]:
        """Return the indices that sort the strings; equal strings keep their order."""
        pieces = (
            array("q", sorted(range(at, min(at + _PIECE, len(self))), key=self.get_bytes))
            for at in range(0, len(self), _PIECE)
        )
        merged: Iterator[int] = merge(*pieces, key=self.get_bytes)
        return np.fromiter(merged, np.int64, len(self))

    def repeated(self, order: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Return True for each string in `order` that equals the one before it."""
        again = (self.get_bytes(int(a)) == self.get_bytes(int(b)) for a, b in pairwise(order))
        return np.fromiter(chain((False,), again), np.bool_, len(order))
