"""Writer of shards: write-once HDF5 files of contiguous columns.

JPEGs are stored one after the other in the blob `jpeg`, all frames of a clip together, so that a
window is one read. Equal clips, settings and ffmpeg version give equal bytes: no times, no paths.
While clips are added, variable-length data wait in spool files: memory holds one clip, for any
shard size.

The version of ffmpeg that decoded the clips is the attribute `ffmpeg`.

Columns (c clips, t frames of all clips, s MFCC rows of all clips, f cepstra, n audio samples of all
clips at 16 kHz):
    jpeg u1[bytes]   frame_offset i8[t+1]   pts f8[t]   clip_frame i8[c+1]
    last_seconds f8[c] (duration of the last frame)
    mfcc f4[s,f]     clip_mfcc i8[c+1]      mfcc_begin, mfcc_end i8[c] (rows of the clip)
    mfcc_sum, mfcc_square f8[c,f] (over the rows from begin to end)
    pcm i2[n]        clip_pcm i8[c+1]       pcm_start f8[c] (seconds after the first frame)
    id, class, group, source_sha256 S[c]    label i4[c]   has_audio u1[c]
    width, height i4[c]   fps_num, fps_den i8[c]   records u1[bytes] (JSON lines, all clips)
"""

import errno
import os
import re
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5p
from numpy.typing import NDArray

from avme.io.atomic import replacing
from avme.media.decode import DecodedClip
from avme.shards.manifest import DATASET_SCHEMA
from avme.shards.record import ClipRecord, to_lines
from avme.shards.spooled_column import SpooledColumn

_ERRNO = re.compile(r"errno = (\d+)")


class ShardWriter:
    """Collector of clips; `write` creates the file.

    with ShardWriter(spool, num_cepstra=13) as shard:
        media = extract(path, shard.spool, work=work, recipe=recipe)
        shard.add(record_of(clip, label, sha256, media), media)
        shard.write(folder / "shard-00000.h5")
    """

    def __init__(self, spool: Path, num_cepstra: int, ffmpeg: str = "") -> None:
        self._path = spool
        self._num_cepstra = num_cepstra
        self._ffmpeg = ffmpeg
        self._records: list[ClipRecord] = []
        self._good: list[ClipRecord] = []
        self._num_rows: list[int] = []
        self._audible: list[tuple[int, int]] = []
        self._pcm_starts: list[float] = []
        self._last_seconds: list[float] = []
        self._num_samples: list[int] = []
        self._sums: list[NDArray[np.float64]] = []
        self._squares: list[NDArray[np.float64]] = []
        self._spools: dict[str, SpooledColumn] = {}

    def __enter__(self) -> "ShardWriter":
        self._spools = {
            "jpeg": SpooledColumn(self._path, np.uint8),
            "frame_offset": SpooledColumn(self._path.with_suffix(".offset"), np.int64),
            "pts": SpooledColumn(self._path.with_suffix(".pts"), np.float64),
            "mfcc": SpooledColumn(self._path.with_suffix(".mfcc"), np.float32, self._num_cepstra),
            "pcm": SpooledColumn(self._path.with_suffix(".pcm"), np.int16),
        }
        self._spools["frame_offset"].add(np.zeros(1, np.int64))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for spool in self._spools.values():
            spool.close()

    @property
    def spool(self) -> BufferedRandom:
        """File for the JPEGs of the next clip."""
        return self._spools["jpeg"].file

    def add(self, record: ClipRecord, media: DecodedClip) -> None:
        """Add a valid clip, whose JPEGs are at the end of the spool."""
        self._records.append(record)
        self._good.append(record)
        begins = self._spools["jpeg"].num_rows
        self._spools["frame_offset"].add(begins + np.cumsum(media.jpeg_bytes))
        self._spools["jpeg"].commit(int(media.jpeg_bytes.sum()))
        self._spools["pts"].add(media.pts)
        self._spools["mfcc"].add(media.mfcc)
        self._last_seconds.append(media.last_frame_seconds)
        self._spools["pcm"].add(media.pcm)
        self._num_samples.append(len(media.pcm))
        self._pcm_starts.append(media.pcm_start_seconds)
        self._num_rows.append(len(media.mfcc))
        self._audible.append(media.audio_rows)
        rows = media.mfcc[slice(*media.audio_rows)].astype(np.float64)
        self._sums.append(rows.sum(axis=0))
        self._squares.append((rows**2).sum(axis=0))

    def add_bad(self, record: ClipRecord) -> None:
        """Add a quarantined clip; its data in the spool are discarded."""
        self._records.append(record)
        self._spools["jpeg"].rollback()

    def write(self, path: Path) -> None:
        """Write the shard atomically; raises OSError if the disk is full."""
        try:
            with replacing(path) as temporary:
                self._write(temporary)
        except RuntimeError as error:  # h5py's error for a flush without space
            found = _ERRNO.search(str(error))
            raise OSError(int(found[1]) if found else errno.EIO, str(error)) from error

    def _write(self, path: Path) -> None:
        with _create(path) as file:
            file.attrs["schema"] = DATASET_SCHEMA
            file.attrs["num_cepstra"] = self._num_cepstra
            if self._ffmpeg:
                file.attrs["ffmpeg"] = np.bytes_(self._ffmpeg.encode())
            for name, column in self._columns().items():
                file.create_dataset(name, data=column)
            for name, spool in self._spools.items():
                spool.write(file, name)

    def _columns(self) -> dict[str, NDArray[Any]]:
        good = self._good
        begin = np.array([pair[0] for pair in self._audible], dtype=np.int64)
        end = np.array([pair[1] for pair in self._audible], dtype=np.int64)
        empty = np.zeros((0, self._num_cepstra))
        return {
            "clip_frame": _offsets(np.array([record.frames for record in good], dtype=np.int64)),
            "clip_mfcc": _offsets(np.array(self._num_rows, dtype=np.int64)),
            "clip_pcm": _offsets(np.array(self._num_samples, dtype=np.int64)),
            "pcm_start": np.array(self._pcm_starts, dtype=np.float64),
            "last_seconds": np.array(self._last_seconds, dtype=np.float64),
            "mfcc_begin": begin,
            "mfcc_end": end,
            "mfcc_sum": np.stack(self._sums) if good else empty,
            "mfcc_square": np.stack(self._squares) if good else empty,
            "id": _strings([record.id for record in good]),
            "class": _strings([record.class_name for record in good]),
            "group": _strings([record.group for record in good]),
            "source_sha256": _strings([record.source_sha256 or "" for record in good]),
            "label": np.array([record.label for record in good], dtype=np.int32),
            "has_audio": np.array([record.usable_audio for record in good], dtype=np.uint8),
            "width": np.array([record.width for record in good], dtype=np.int32),
            "height": np.array([record.height for record in good], dtype=np.int32),
            "fps_num": np.array([record.fps_num for record in good], dtype=np.int64),
            "fps_den": np.array([record.fps_den for record in good], dtype=np.int64),
            "records": np.frombuffer(to_lines(self._records), dtype=np.uint8),
        }


def _create(path: Path) -> h5py.File:
    """Create an HDF5 file whose columns are written at once.

    By default HDF5 writes the end of a column when its object is deleted: without room, h5py prints
    that error, as it cannot be raised then.
    """
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_V110)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_sieve_buf_size(0)
    return h5py.File(h5f.create(os.fsencode(path), h5f.ACC_TRUNC, fapl=access))


def _offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])


def _strings(texts: list[str]) -> NDArray[Any]:
    return np.array([text.encode() for text in texts], dtype=np.bytes_ if texts else "S1")
