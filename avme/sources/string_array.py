"""Many short texts in one piece of memory: 8 bytes each beside their own, where a str takes 57."""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


class Texts:
    """Many short texts as one, and where each ends."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("q")
        for text in texts:
            self.append(text.encode())

    def append(self, text: bytes) -> None:
        """The next one, in UTF-8."""
        self._bytes += text
        self._ends.append(len(self._bytes))

    def raw(self, place: int) -> bytes:
        """A text in UTF-8, which sorts as the text does."""
        begin = self._ends[place - 1] if place else 0
        return bytes(self._bytes[begin : self._ends[place]])

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int) -> str:
        return self.raw(place).decode()

    def __iter__(self) -> Iterator[str]:
        return (self[place] for place in range(len(self)))

    def taken(self, places: NDArray[np.int64]) -> "Texts":
        """Those at `places`, in that order."""
        taken = Texts()
        for place in places:
            taken.append(self.raw(int(place)))
        return taken
