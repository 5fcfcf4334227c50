"""Reader of windows of prepared clips: frames, MFCC and audio from shards to tensors.

Shape letters: t frames, d distinct frames, c colors, h and w pixels, m the model's size, s MFCC
rows, f coefficients, n samples.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Float32, Int16, UInt8
from numpy.typing import NDArray
from torch import Tensor

from avme.config.clip import ROWS_PER_FRAME
from avme.data.crop import Box, crop_resize, jpeg_scale_factor
from avme.data.recompute_mfcc import recompute_mfcc
from avme.data.temporal_sampling import Window
from avme.errors import ArtifactError, MismatchError
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.jpeg import decode
from avme.shards.reader import UNREADABLE, ShardReader

Statistics = Mapping[str, Sequence[float]]
"""`mean` and `deviation` of every coefficient over the train list of a model."""

MOST_OPEN = 256
"""Open shards per process: 0.7 MiB each, and systems commonly allow 1,024 files."""


class ClipReader:
    """Reader of windows of prepared clips; can be sent to worker processes.

    Raises ArtifactError, which names the clip, for a damaged shard.
    """

    def __init__(
        self, prepared: PreparedDataset, entries: Sequence[ClipEntry], statistics: Statistics
    ) -> None:
        self.entries = tuple(entries)
        names = sorted({entry.shard for entry in entries})
        paths = {entry.shard: prepared.shard_path(entry) for entry in entries}
        self._shards = {name: ShardReader(paths[name]) for name in names}
        self._open: dict[str, ShardReader] = {}
        self._mean = torch.tensor(statistics["mean"])
        self._deviation = torch.tensor(statistics["deviation"])
        self.num_cepstra = len(self._mean)
        stored = prepared.num_cepstra
        if stored != self.num_cepstra:
            raise MismatchError(
                f"{prepared.folder} has {stored} cepstra a row, the statistics of the checkpoint "
                f"{self.num_cepstra}: choose the set that it was trained on with --data"
            )

    def pictures(self, entry: ClipEntry, window: Window) -> UInt8[Tensor, "t c h w"]:
        """Return the window's full frames in RGB; a repeated frame is decoded once."""
        decoded, (shown,) = self.decode_windows(entry, [window])
        return decoded[shown]

    def read_crops(
        self, entry: ClipEntry, window: Window, boxes: Sequence[Box], size: int
    ) -> list[UInt8[Tensor, "t c m m"]]:
        """Return every crop of the window's frames; frames are decoded once for all crops.

        Args:
            entry: Clip.
            window: Span of source frames.
            boxes: Crops in pixels of full frames.
            size: Side of the results.
        """
        factor = jpeg_scale_factor(boxes, size)
        decoded, (shown,) = self.decode_windows(entry, [window], factor)
        squares = [crop_resize(decoded, box.scaled(factor), size) for box in boxes]
        return squares if len(decoded) == len(shown) else [square[shown] for square in squares]

    def waveform(self, entry: ClipEntry) -> tuple[Int16[np.ndarray, " n"], float] | None:
        """Return the audio of a clip at 16 kHz and the seconds of its first sample.

        None if the shard has no audio of it. Times are relative to the first frame.
        """
        with self._naming(entry):
            samples, start_seconds = self._shard(entry).pcm(entry.row)
        return (samples, start_seconds) if len(samples) else None

    def mfcc_of(
        self,
        entry: ClipEntry,
        window: Window,
        samples: Int16[np.ndarray, " n"],
        start_seconds: float,
    ) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return what `audio` would return if these were the samples of the clip.

        Args:
            entry: Clip.
            window: Span of source frames.
            samples: Audio at 16 kHz, in the form of `waveform`.
            start_seconds: Time of its first sample after the first frame.

        Returns:
            The window's MFCC, normalized, and the rows that have audio in the shard.
        """
        with self._naming(entry):
            rows, valid = recompute_mfcc(
                self._shard(entry), entry.row, window.rows(), entry.fps, samples, start_seconds
            )
        return self._normalized(rows, valid)

    def audio(
        self, entry: ClipEntry, window: Window
    ) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return the window's MFCC, normalized, and zero where not valid."""
        with self._naming(entry):
            rows, valid = self._shard(entry).mfcc(entry.row, *window.rows())
        return self._normalized(rows, valid)

    def cyclic_audio(
        self, source: ClipEntry, window: Window, num_frames: int
    ) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return MFCC of `source`, repeated so that every row inside a clip is valid.

        The row at which the audio of `source` begins keeps its place. Rows outside the clip are not
        valid, and none is if `source` has no audio.

        Args:
            source: Clip whose audio is read: the clip itself, or a donor.
            window: Span of the clip.
            num_frames: Length of the clip.
        """
        rows = np.arange(*window.rows())
        with self._naming(source):
            shard = self._shard(source)
            first, last = shard.mfcc_range(source.row)
            wanted = first + (rows - first) % max(last - first, 1)
            lowest = int(wanted.min())
            stored, usable = shard.mfcc(source.row, lowest, int(wanted.max()) + 1)
        inside = (rows >= 0) & (rows < ROWS_PER_FRAME * num_frames)
        return self._normalized(stored[wanted - lowest], usable[wanted - lowest] & inside)

    def _normalized(
        self, rows: Float32[np.ndarray, "s f"], valid: Bool[np.ndarray, " s"]
    ) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        is_valid = torch.from_numpy(valid)
        return (torch.from_numpy(rows) - self._mean) / self._deviation * is_valid[:, None], is_valid

    def decode_windows(
        self, entry: ClipEntry, windows: Sequence[Window], factor: int = 1
    ) -> tuple[UInt8[Tensor, "d c h w"], list[list[int]]]:
        """Decode each distinct frame of the windows once.

        Args:
            entry: Clip.
            windows: Spans of source frames, which are read one after the other.
            factor: JPEG scale factor.

        Returns:
            The distinct frames in order of time, and for each window the indices of its frames.
        """
        shown = [window.frames(entry.num_frames) for window in windows]
        files: dict[int, NDArray[np.uint8]] = {}
        with self._naming(entry):
            for wanted in shown:
                new = sorted(set(wanted) - files.keys())
                files.update(zip(new, self._shard(entry).frames(entry.row, new), strict=True))
            distinct = sorted(files)
            decoded = decode(
                [files[frame] for frame in distinct],
                height=entry.height,
                width=entry.width,
                factor=factor,
            )
        position = {frame: index for index, frame in enumerate(distinct)}
        frames = rearrange(torch.from_numpy(decoded), "d h w c -> d c h w")
        return frames, [[position[frame] for frame in wanted] for wanted in shown]

    def _shard(self, entry: ClipEntry) -> ShardReader:
        """Return the open shard of a clip; the least recently used one is closed if there are too
        many."""
        reader = self._shards[entry.shard]
        self._open.pop(entry.shard, None)
        self._open[entry.shard] = reader
        if len(self._open) > MOST_OPEN:
            self._open.pop(next(iter(self._open))).close()
        return reader

    @contextmanager
    def _naming(self, entry: ClipEntry) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            path = self._shards[entry.shard].path
            raise ArtifactError(
                f"clip {entry.id} cannot be read from {path} ({error}): delete that shard and run "
                "`avme prep` again"
            ) from error


class ShardAudio:
    """Audio of the clip itself."""

    def __init__(self, reader: ClipReader) -> None:
        self.reader = reader

    def audio(self, index: int, window: Window) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return the MFCC that the shard stores for the window."""
        return self.reader.audio(self.reader.entries[index], window)
