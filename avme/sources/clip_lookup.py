"""Hash index from the names that lists use to clip indices: 12 bytes per clip."""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator

import numpy as np


class ClipLookup:
    """Lookup of indices by key."""

    def __init__(self, count: int, key: Callable[[int], Hashable]) -> None:
        self._key = key
        hashes = np.fromiter((hash(key(index)) for index in range(count)), np.int64, count)
        self._indices = np.argsort(hashes, kind="stable").astype(np.int32)
        hashes.sort()
        self._hashes = hashes

    def __len__(self) -> int:
        """Return the number of distinct keys."""
        return len(np.unique(self._hashes))

    def repeated(self) -> list[list[int]]:
        """Return the indices with a shared key, grouped by key."""
        groups: dict[Hashable, list[int]] = {}
        for at in np.flatnonzero(np.diff(self._hashes) == 0):
            for index in self._indices[at : at + 2]:
                groups.setdefault(self._key(int(index)), []).append(int(index))
        return [sorted(set(group)) for group in groups.values() if len(set(group)) > 1]

    def find(self, key: Hashable) -> int | None:
        """Return the last index with that key; None without one."""
        return next(self.all(key), None)

    def all(self, key: Hashable) -> Iterator[int]:
        """Return all indices with that key, the last first."""
        wanted = hash(key)
        end = bisect_right(self._hashes, wanted)
        while end and self._hashes[end - 1] == wanted:
            index = int(self._indices[end - 1])
            if self._key(index) == key:
                yield index
            end -= 1
