"""Copies of one clip to the one that is prepared: a whole one, if there is any.

Sets come with repaired copies beside broken ones, in folders of any name. Only where there are
several are files read: first their sizes, then as much as a decoder takes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from avme.data.videos import Seen, identifier
from avme.errors import MediaError
from avme.media.aside import aside
from avme.media.integrity import UNREADABLE, WHOLE, Integrity, integrity

_TIMEOUT_SECONDS: Final = 120.0
_MEMORY_BYTES: Final = 3 * 2**30
_LOOSE_SHARE: Final = 0.98
_FEW_DECODED: Final = 8
_MANY_DECODED: Final = 1_000
"""Frames; the rest of a longer file is read and not decoded."""


class Copies:
    """Chooses among files below `root`, and remembers which copies were passed over."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._passed_over = Seen()
        self._chosen: dict[tuple[Path, ...], int] = {}

    def choose(self, paths: Sequence[Path]) -> int | None:
        """Return the index of the first whole file, else of the least damaged; None without any."""
        if len(paths) < 2:
            return 0 if paths else None
        key = tuple(paths)
        if key not in self._chosen:
            self._chosen[key] = chosen = _best(paths)
            for other in paths[:chosen]:
                self._passed_over.add(identifier(other.relative_to(self._root).as_posix()))
        return self._chosen[key]

    def remarks(self) -> Iterator[str]:
        """On damaged copies of which another one is taken."""
        if self._passed_over.count:
            yield (
                f"{self._passed_over.count} damaged files are there a second time, whole, and that "
                f"copy is taken: left out, as {self._passed_over}"
            )


def _best(paths: Sequence[Path]) -> int:
    """Decode only where reading alone leaves several that are about as long."""
    read = [_integrity(path, _FEW_DECODED) for path in paths]
    level = min(found.level for found in read)
    longest = max(found.seconds for found in read if found.level == level)
    equals = [
        index
        for index, found in enumerate(read)
        if found.level == level and found.seconds >= _LOOSE_SHARE * longest
    ]
    if len(equals) == 1 or level == UNREADABLE:
        return equals[0]
    decoded: list[int] = []
    for index in equals:
        decoded.append(_integrity(paths[index], _MANY_DECODED).level)
        if decoded[-1] == WHOLE:
            break
    return equals[decoded.index(min(decoded))]


def _integrity(path: Path, max_decoded: int) -> Integrity:
    try:
        return aside(_MEMORY_BYTES).call(_TIMEOUT_SECONDS, integrity, path, max_decoded)
    except MediaError:  # it took too long, or crashed the process that read it
        return Integrity(UNREADABLE)
