"""Reader of shards: frames, times, MFCC and audio.

Frames are read as one contiguous range of the blob and then selected: a strided slice of an HDF5
dataset is sixty times slower. The file is opened on first use in each process, and the handle is
left out when the reader is pickled.

Shape letters: t frames, s MFCC rows, f cepstra, n samples.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16
from numpy.typing import NDArray

from avme.errors import ArtifactError, SystemRequirementError
from avme.shards.hdf5_file import (
    open_column,
    open_shard,
    read_ffmpeg,
    read_num_cepstra,
    read_schema,
    require_columns,
)
from avme.shards.manifest import DATASET_SCHEMA, require_schema
from avme.shards.record import ClipRecord, from_lines

UNREADABLE: Final = (
    AttributeError,
    IndexError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Errors of h5py and of inconsistent numbers in a damaged file."""


class ShardReader:
    """Reader of one shard's clips by row.

    For a damaged file `column`, `length`, `part` and `records` raise ArtifactError; methods that
    read a clip may raise any of UNREADABLE, for the caller to name the clip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: h5py.File | None = None
        self._pid = -1
        self._index: dict[str, NDArray[Any]] = {}
        self._datasets: dict[str, h5py.Dataset] = {}
        self._checked: set[str] = set()
        self._identity: tuple[int, ...] = ()
        self._num_cepstra = 0

    def __reduce__(self) -> tuple[type["ShardReader"], tuple[Path]]:
        return ShardReader, (self.path,)

    def __len__(self) -> int:
        return len(self._column("clip_frame")) - 1

    @property
    def num_cepstra(self) -> int:
        """Coefficients per MFCC row."""
        self._opened()
        return self._num_cepstra

    def num_frames(self, row: int) -> int:
        """Return the number of frames of the clip in `row`."""
        begin, end = self._span("clip_frame", row)
        return end - begin

    def pts(self, row: int) -> Float64[np.ndarray, " t"]:
        """Return the seconds of every frame since the first of its clip."""
        begin, end = self._span("clip_frame", row)
        return np.asarray(self._dataset("pts")[begin:end])

    def last_seconds(self, row: int) -> float:
        """Return the duration of the last frame of a clip."""
        return float(self._column("last_seconds")[row])

    def frames(self, row: int, indices: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Return the JPEG files of some frames, in the order of `indices`, which may repeat."""
        if len(indices) == 0:
            return []
        first, end = self._span("clip_frame", row)
        lowest, highest = min(indices), max(indices)
        if lowest < 0 or first + highest >= end:
            raise IndexError(f"{self.path}: row {row} has {end - first} frames, not {indices}")
        offset = self._column("frame_offset")[first + lowest : first + highest + 2]
        base = int(offset[0])
        window = np.asarray(self._dataset("jpeg")[base : int(offset[-1])])
        return [
            window[int(offset[i - lowest]) - base : int(offset[i - lowest + 1]) - base]
            for i in indices
        ]

    def mfcc(
        self, row: int, begin: int, end: int
    ) -> tuple[Float32[np.ndarray, "s f"], Bool[np.ndarray, " s"]]:
        """Return MFCC rows `begin` to `end` of a clip, and a mask of rows with audio.

        Rows outside the clip or its audio are zero.

        Args:
            row: Row of the clip.
            begin: First MFCC row.
            end: Row after the last.
        """
        rows = np.zeros((end - begin, self.num_cepstra), dtype=np.float32)
        valid = np.zeros(end - begin, dtype=np.bool_)
        audio_begin, audio_end = self.mfcc_range(row)
        first, last = max(begin, audio_begin), min(end, audio_end)
        if first < last:
            start = self._span("clip_mfcc", row)[0]
            wanted = slice(start + first, start + last)
            rows[first - begin : last - begin] = self._dataset("mfcc")[wanted]
            valid[first - begin : last - begin] = True
        return rows, valid

    def mfcc_range(self, row: int) -> tuple[int, int]:
        """Return the half-open range of a clip's MFCC rows with audio."""
        return int(self._column("mfcc_begin")[row]), int(self._column("mfcc_end")[row])

    def num_samples(self, row: int) -> int:
        """Return the number of stored audio samples of a clip."""
        begin, end = self._span("clip_pcm", row)
        return end - begin

    def pcm(self, row: int) -> tuple[Int16[np.ndarray, " n"], float]:
        """Return the audio of a clip at 16 kHz, and the time of its first sample in seconds.

        Times are relative to the first frame. There is no sample if none is stored: without usable
        audio, or with `prep.keep_audio` off.
        """
        begin, end = self._span("clip_pcm", row)
        samples = np.asarray(self._dataset("pcm")[begin:end])
        start_seconds = float(self._column("pcm_start")[row])
        if len(samples) != end - begin or not np.isfinite(start_seconds):
            raise ValueError(
                f"{len(samples)} audio samples from {start_seconds} s on, expected {end - begin}"
            )
        return samples, start_seconds

    def column(self, name: str) -> NDArray[Any]:
        """Return a full column with one value per clip."""
        with self._naming():
            return np.asarray(self._dataset(name)[()])

    def length(self, name: str) -> int:
        """Return the length of a column without reading it."""
        with self._naming():
            return int(self._dataset(name).shape[0])

    def records(self) -> tuple[ClipRecord, ...]:
        """Return the records of all clips of this shard, quarantined ones included."""
        with self._naming():
            return from_lines(self.column("records").tobytes())

    def ffmpeg(self) -> str:
        """Return the version that decoded the clips; empty if unknown."""
        with self._naming():
            return read_ffmpeg(self._opened())

    def require_columns(self) -> None:
        """Raise ArtifactError unless exactly the documented columns exist."""
        with self._naming():
            require_columns(self._opened())

    @property
    def is_open(self) -> bool:
        """True if this process has the file open."""
        return self._file is not None and self._pid == os.getpid()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        if self._file is not None and self.is_open:
            self._file.close()
        self._file, self._datasets, self._index = None, {}, {}

    def _span(self, column: str, row: int) -> tuple[int, int]:
        offsets = self._column(column)
        if not 0 <= row < len(offsets) - 1:
            raise IndexError(f"{self.path} has {len(offsets) - 1} clips, no row {row}")
        return int(offsets[row]), int(offsets[row + 1])

    def _column(self, name: str) -> NDArray[Any]:
        """Return a small index column, cached in memory."""
        self._opened()
        if name not in self._index:
            self._index[name] = self.column(name)
        return self._index[name]

    def _dataset(self, name: str) -> h5py.Dataset:
        """Return a column on disk, cached: looking it up takes as long as reading a window.

        A checked column is not checked again when the same file is reopened.
        """
        file = self._opened()
        if name not in self._datasets:
            is_known = name in self._checked
            self._datasets[name] = file[name] if is_known else open_column(file, name)
            self._checked.add(name)
        return self._datasets[name]

    def _opened(self) -> h5py.File:
        if self._file is None or self._pid != os.getpid():
            with self._naming():
                file = open_shard(self.path)
                status = os.fstat(file.id.get_vfd_handle())
                identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                if identity != self._identity:
                    schema, self._num_cepstra = read_schema(file), read_num_cepstra(file)
                    self._checked = set()
            if identity != self._identity and schema != DATASET_SCHEMA:
                file.close()
                require_schema(schema, self.path)
            self._file, self._pid, self._identity = file, os.getpid(), identity
            self._index, self._datasets = {}, {}
        return self._file

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
                raise SystemRequirementError(
                    f"too many files are open for {self.path}: raise `ulimit -n` above the "
                    "number of shards, or prepare larger shards with --set shard_clips=..."
                ) from error
            raise ArtifactError(
                f"{self.path} cannot be read as a shard ({error}): delete it and run "
                "`avme prep` again"
            ) from error
