"""What lists call a clip, to its place in a catalog: 16 bytes a clip."""

from bisect import bisect_right
from collections.abc import Callable

import numpy as np

from avme.data.catalog import Catalog

Key = tuple[str, str]


class Keys:
    """Finds clips by a key; of several with one, the last."""

    def __init__(self, clips: Catalog, key: Callable[[Catalog, int], Key]) -> None:
        self._clips, self._key = clips, key
        hashes = np.fromiter((hash(key(clips, i)) for i in range(len(clips))), np.int64, len(clips))
        self._places = np.argsort(hashes, kind="stable").astype(np.int32)
        hashes.sort()
        self._hashes = hashes

    def __len__(self) -> int:
        """How many different keys there are."""
        return len(np.unique(self._hashes))

    def find(self, key: Key) -> int | None:
        """The place of a clip; None if no clip has that key."""
        wanted = hash(key)
        end = bisect_right(self._hashes, wanted)
        while end and self._hashes[end - 1] == wanted:
            place = int(self._places[end - 1])
            if self._key(self._clips, place) == key:
                return place
            end -= 1
        return None
