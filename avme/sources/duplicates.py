"""Duplicates of one clip: selection of an intact copy, if there is one.

Datasets are distributed with repaired copies beside damaged ones, in folders of any name. Only if
there are several are files read: first their sizes, then as much as a decoder takes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from avme.errors import MediaError
from avme.media.container.integrity import UNREADABLE, WHOLE, Integrity, integrity
from avme.sources.clip_lookup import ClipLookup
from avme.sources.clip_table import ClipTable, ClipTableBuilder
from avme.sources.video_scan import NameSample, identifier
from avme.workers.sandbox import get_sandbox

_TIMEOUT_SECONDS: Final = 120.0
_MEMORY_BYTES: Final = 3 * 2**30
_LOOSE_SHARE: Final = 0.98
_FEW_DECODED: Final = 8
_MANY_DECODED: Final = 1_000
"""Maximum number of decoded frames; the rest of a longer file is read but not decoded."""


def drop_copies(clips: ClipTable, warnings: list[str]) -> ClipTable:
    """Keep one of the clips of a class whose file names differ only in case and suffix."""

    def name(index: int) -> tuple[int, str]:
        return int(clips.labels[index]), PurePosixPath(clips.ids[index]).stem.lower()

    copies, dropped = Copies(clips.root), set[int]()
    for indices in ClipLookup(len(clips), name).repeated():
        chosen = copies.choose([clips[index].path for index in indices])
        dropped.update(index for number, index in enumerate(indices) if number != chosen)
    if not dropped:
        return clips
    kept, named = ClipTableBuilder(clips.root), NameSample()
    for index, clip in enumerate(clips):
        if index in dropped:
            named.add(clip.id)
        else:
            kept.add(clip)
    warnings.append(
        f"{named.count} videos are further copies of a clip that has an undamaged file: left out, "
        f"as {named}"
    )
    return kept.build()


class Copies:
    """Selector among files below `root`, which records the rejected copies."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._passed_over = NameSample()
        self._chosen: dict[tuple[Path, ...], int] = {}

    def choose(self, paths: Sequence[Path]) -> int | None:
        """Return the index of the first intact file, else of the least damaged; None if empty."""
        if len(paths) < 2:
            return 0 if paths else None
        key = tuple(paths)
        if key not in self._chosen:
            self._chosen[key] = chosen = _best(paths)
            for other in paths[:chosen]:
                self._passed_over.add(identifier(other.relative_to(self._root).as_posix()))
        return self._chosen[key]

    def warnings(self) -> Iterator[str]:
        """Return warnings about damaged copies that were replaced by another one."""
        if self._passed_over.count:
            yield (
                f"{self._passed_over.count} damaged files have an undamaged copy, which is used: "
                f"left out, as {self._passed_over}"
            )


def _best(paths: Sequence[Path]) -> int:
    """Return the best file; decodes only if several are about equally long."""
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
        return get_sandbox(_MEMORY_BYTES).call(_TIMEOUT_SECONDS, integrity, path, max_decoded)
    except MediaError:  # timeout, or a crash of the reading process
        return Integrity(UNREADABLE)
