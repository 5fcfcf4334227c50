"""Audio rows of whole clips, kept for the windows and modes of one clip.

Shape letters: s MFCC rows of a window, r rows of a clip, f coefficients.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from avme.config.clip import ROWS_PER_FRAME
from avme.data.clip_reader import ClipReader, ShardAudio
from avme.data.temporal_sampling import Window
from avme.data.view_sources import AudioSource

_MOST_KEPT = 8
"""Clips in memory per process: one with its donors; some 40 kB each."""


@dataclass(frozen=True, slots=True)
class ClipRows:
    """MFCC of a whole clip, normalized; the valid rows are `begin` to `end`."""

    mfcc: Float[Tensor, "r f"]
    begin: int
    end: int

    @property
    def num_valid(self) -> int:
        """Number of rows with audio."""
        return self.end - self.begin


class ClipAudio:
    """Reader of the rows of whole clips; the last few stay in memory."""

    def __init__(self, reader: ClipReader, real: AudioSource | None = None) -> None:
        """Store the reader; `real` replaces the audio of the shards, as the protocol of a model."""
        self.reader, self.real = reader, real or ShardAudio(reader)
        self._kept: OrderedDict[int, ClipRows] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"reader": self.reader, "real": self.real, "_kept": OrderedDict()}

    def rows(self, index: int) -> ClipRows:
        """Return all rows of a clip."""
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        entry = self.reader.entries[index]
        mfcc, valid = self.reader.audio(entry, Window(0, entry.num_frames, 1))
        at = valid.nonzero()
        begin, end = (int(at[0]), int(at[-1]) + 1) if len(at) else (0, 0)
        found = ClipRows(mfcc, begin, end)
        self._kept[index] = found
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    def valid_rows(self, index: int, window: Window) -> Bool[Tensor, " s"]:
        """Return the rows of a window in which the clip has audio, or all inside one without."""
        _, valid = self.real.audio(index, window)
        entry = self.reader.entries[index]
        if entry.has_audio:
            return valid
        at = torch.arange(*window.rows())
        return (at >= 0) & (at < ROWS_PER_FRAME * entry.num_frames)

    def none(self, window: Window) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return a window without a valid row."""
        begin, end = window.rows()
        shape = (end - begin, self.reader.num_cepstra)
        return torch.zeros(shape), torch.zeros(end - begin, dtype=torch.bool)

    def cyclic(
        self, index: int, owner: int, window: Window, shift: int = 0
    ) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return the audio of another clip where a clip has audio, read in a circle.

        A row holds the owner's row of the same time, `shift` rows earlier; before the start and
        after the end of the owner's audio it continues at the other end. The valid rows are those
        of the clip, or all of a clip without audio.

        Args:
            index: Clip that hears.
            owner: Clip whose audio it hears.
            window: Span of source frames of the clip that hears.
            shift: Rows by which the audio is late.
        """
        source = self.rows(owner)
        if not source.num_valid:
            return self.none(window)
        valid = self.valid_rows(index, window)
        at = torch.arange(*window.rows())
        wanted = source.begin + (at - shift - source.begin) % source.num_valid
        return source.mfcc[wanted] * valid[:, None], valid
