"""What lists call a clip or a file, to its place: 12 bytes each."""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator

import numpy as np


class Keys:
    """Finds places by a key."""

    def __init__(self, count: int, key: Callable[[int], Hashable]) -> None:
        self._key = key
        hashes = np.fromiter((hash(key(place)) for place in range(count)), np.int64, count)
        self._places = np.argsort(hashes, kind="stable").astype(np.int32)
        hashes.sort()
        self._hashes = hashes

    def __len__(self) -> int:
        """How many different keys there are."""
        return len(np.unique(self._hashes))

    def repeated(self) -> list[list[int]]:
        """Places that share a key with others, together and in order."""
        groups: dict[Hashable, list[int]] = {}
        for at in np.flatnonzero(np.diff(self._hashes) == 0):
            for place in self._places[at : at + 2]:
                groups.setdefault(self._key(int(place)), []).append(int(place))
        return [sorted(set(group)) for group in groups.values() if len(set(group)) > 1]

    def find(self, key: Hashable) -> int | None:
        """The last place with that key; None if there is none."""
        return next(self.all(key), None)

    def all(self, key: Hashable) -> Iterator[int]:
        """All places with that key, the last first."""
        wanted = hash(key)
        end = bisect_right(self._hashes, wanted)
        while end and self._hashes[end - 1] == wanted:
            place = int(self._places[end - 1])
            if self._key(place) == key:
                yield place
            end -= 1
