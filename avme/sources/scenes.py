"""Group index of a table's clips, to compare the groups of two subsets."""

from hashlib import blake2b
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

from avme.sources.clip_table import Catalog

_MOST_NAMED = 3


class Scenes:
    """Group number of every clip: 8 bytes per clip."""

    def __init__(self, clips: Catalog) -> None:
        self._clips = clips
        names = (clips.group(place).encode() for place in range(len(clips)))
        digests = (blake2b(name, digest_size=16).digest() for name in names)
        distinct = np.unique(np.fromiter(digests, "S16", len(clips)), return_inverse=True)
        self._numbers = distinct[1]

    def shared(
        self, train: NDArray[np.integer], test: NDArray[np.integer]
    ) -> tuple[int, list[str]]:
        """Return the number of groups in both sets of indices, and the first names of them."""
        numbers, first = np.unique(self._numbers[train], return_index=True)
        both = first[np.isin(numbers, self._numbers[test])]
        names = (self._clips.group(int(place)) for place in train[both])
        return len(both), nsmallest(_MOST_NAMED, names)
