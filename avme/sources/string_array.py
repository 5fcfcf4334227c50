"""String array: UTF-8 buffer plus int64 offsets (8 bytes overhead per string)."""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


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
