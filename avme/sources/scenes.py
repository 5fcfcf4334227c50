"""Groups of a catalog's clips as numbers, so that two sides of a split can be compared."""

from hashlib import blake2b
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

from avme.sources.clip_table import Catalog

_MOST_NAMED = 3


class Scenes:
    """The group of every clip: 8 bytes a clip."""

    def __init__(self, clips: Catalog) -> None:
        self._clips = clips
        names = (clips.group(place).encode() for place in range(len(clips)))
        digests = (blake2b(name, digest_size=16).digest() for name in names)
        distinct = np.unique(np.fromiter(digests, "S16", len(clips)), return_inverse=True)
        self._numbers = distinct[1]

    def shared(
        self, train: NDArray[np.integer], test: NDArray[np.integer]
    ) -> tuple[int, list[str]]:
        """How many groups have clips at both lots of places, and the first names of these."""
        numbers, first = np.unique(self._numbers[train], return_index=True)
        both = first[np.isin(numbers, self._numbers[test])]
        names = (self._clips.group(int(place)) for place in train[both])
        return len(both), nsmallest(_MOST_NAMED, names)
