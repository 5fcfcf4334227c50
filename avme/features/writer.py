"""Writer of a file of features, in pieces: memory grows with the names of clips only."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import h5py
import numpy as np

from avme.features.extract import ClipFeatures
from avme.features.file import FACTS, FORMAT
from avme.features.tokens import Stage
from avme.shards.dataset import ClipEntry

_PIECE_ROWS: Final = 4096


class FeatureWriter:
    """Writer of one file; rows of features arrive in list order."""

    def __init__(
        self,
        file: h5py.File,
        facts: Mapping[str, Any],
        classes: Sequence[str],
        entries: Sequence[ClipEntry],
        subsets: Sequence[str],
    ) -> None:
        self._file, self._count, self._done = file, len(entries), 0
        self._stage = cast(Stage, facts["stage"])
        file.attrs["format"] = FORMAT
        for name in FACTS:
            file.attrs[name] = facts[name]
        _write_texts(file, "classes", classes)
        _write_texts(file, "id", [entry.id for entry in entries])
        _write_texts(file, "group", [entry.group for entry in entries])
        _write_texts(file, "audio", [entry.audio for entry in entries])
        _write_texts(file, "subset", subsets)
        file["label"] = np.array([entry.label for entry in entries], dtype=np.int32)
        file.create_dataset("has_audio", shape=(self._count,), dtype=np.bool_)

    def add(self, chunk: ClipFeatures) -> None:
        """Write the rows of the next clips."""
        rows, begin = chunk.features[self._stage], self._done
        end = begin + len(rows)
        if chunk.clip.tolist() != list(range(begin, end)):
            raise ValueError(f"clips {chunk.clip.tolist()} follow {begin} others")
        if begin == 0:
            shape = (self._count, *rows.shape[1:])
            self._file.create_dataset("features", shape=shape, dtype=np.float32)
        self._file["features"][begin:end] = rows
        self._file["has_audio"][begin:end] = chunk.has_audio
        self._done = end

    def close(self) -> None:
        """Check that every clip has been written."""
        if self._done != self._count:
            raise RuntimeError(f"{self._done} of {self._count} clips were written")


def _write_texts(file: h5py.File, name: str, texts: Sequence[str]) -> None:
    """Write text of a fixed length in UTF-8, a piece at a time."""
    longest = max((len(text.encode()) for text in texts), default=1)
    kind = h5py.string_dtype("utf-8", max(1, longest))
    column = file.create_dataset(name, shape=(len(texts),), dtype=kind)
    for begin in range(0, len(texts), _PIECE_ROWS):
        piece = [text.encode() for text in texts[begin : begin + _PIECE_ROWS]]
        column[begin : begin + len(piece)] = np.array(piece, dtype=kind)
