"""Controls for audio: each mode is a source of the audio of a view.

Clips have audio if it is audible; a silent track counts as none, as for models. Shuffles, offsets
and replaced rows keep the valid rows of each clip, so that presence and amount stay; `null`,
`donor` and `presence-swap` change presence.

Shape letters: n clips, s MFCC rows of a window, f coefficients, m samples.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int16, Int64
from torch import Tensor

from avme.config.clip import ROWS_PER_FRAME
from avme.corruptions.audio_noise import audio_noise
from avme.corruptions.degradation import Degradation
from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.data.view_sources import AudioSource
from avme.errors import UsageError
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.evaluation.controls.donors import derange, derange_within_classes, draw_donors
from avme.evaluation.controls.mode_names import REAL, AudioMode
from avme.evaluation.controls.seeds import clip_generator
from avme.shards.dataset import ClipEntry

NO_AUDIO: Final = -1
"""Owner of the audio of a clip that hears none."""
_SHORTEST_TURN: Final = 4
"""A rotation that would end within 1 / 4 of a turn of its start is half a turn."""

Rows = tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]


class BorrowedAudio:
    """Audio of other clips, or none, where `owner` says so; the clip's own elsewhere."""

    def __init__(self, clips: ClipAudio, owner: Int64[np.ndarray, " n"]) -> None:
        self.clips, self.owner = clips, owner

    def audio(self, index: int, window: Window) -> Rows:
        """Return the rows of the owner's audio for a window of the clip."""
        owner = int(self.owner[index])
        if owner == NO_AUDIO:
            return self.clips.none(window)
        if owner == index:
            return self.clips.real.audio(index, window)
        return self.clips.cyclic(index, owner, window)


class RotatedAudio:
    """The clip's own audio, rotated over its valid rows: amount and presence stay.

    A clip without audio hears what it hears under `real`, such as a donor of its protocol. A
    positive offset makes the audio late. Audio so short that the rotation would end within a
    quarter turn of its start is rotated by half a turn.
    """

    def __init__(self, clips: ClipAudio, seconds: float) -> None:
        self.clips, self.seconds = clips, seconds

    def audio(self, index: int, window: Window) -> Rows:
        """Return the rotated rows for a window of the clip."""
        if not self.clips.rows(index).num_valid:
            return self.clips.real.audio(index, window)
        return self.clips.cyclic(index, index, window, self.shift(index))

    def shift(self, index: int) -> int:
        """Return the rotation of a clip in rows."""
        count = self.clips.rows(index).num_valid
        per_second = ROWS_PER_FRAME * float(self.clips.reader.entries[index].fps)
        shift = round(self.seconds * per_second)
        if not count:
            return shift
        distance = min(shift % count, -shift % count)
        return shift if distance >= min(abs(shift), count / _SHORTEST_TURN) else count // 2


class SilentAudio:
    """MFCC of digital silence in the rows in which the clip has audio."""

    def __init__(self, reader: ClipReader) -> None:
        self.reader = reader

    def audio(self, index: int, window: Window) -> Rows:
        """Return the MFCC of zeros, by the recipe of the dataset."""
        silence = np.zeros(1, dtype=np.int16)
        return self.reader.mfcc_of(self.reader.entries[index], window, silence, 0.0)


class Noise:
    """Gaussian noise at a measured signal-to-noise ratio."""

    def __init__(self, snr_db: float, seed: int) -> None:
        self.snr_db, self.seed = snr_db, seed

    def apply(self, samples: Int16[np.ndarray, " m"], clip_id: str) -> Int16[np.ndarray, " m"]:
        """Add noise that depends on the clip alone."""
        return audio_noise(samples, self.snr_db, clip_generator(self.seed, "noise", clip_id))


class ChangedWaveform:
    """MFCC of the clip's stored samples after a change of these."""

    def __init__(self, clips: ClipAudio, change: Noise | Degradation) -> None:
        self.clips, self.change = clips, change
        self._index, self._changed = -1, np.zeros(0, dtype=np.int16)

    def audio(self, index: int, window: Window) -> Rows:
        """Return the rows of the changed samples; all windows of a clip share them."""
        reader = self.clips.reader
        entry = reader.entries[index]
        stored = reader.waveform(entry)
        if stored is None:
            return self.clips.real.audio(index, window)
        samples, start_seconds = stored
        if index != self._index:
            self._index, self._changed = index, self.change.apply(samples, entry.id)
        return reader.mfcc_of(entry, window, self._changed, start_seconds)


def has_audio(entries: Sequence[ClipEntry]) -> Bool[np.ndarray, " n"]:
    """Return the clips with audible audio."""
    return np.array([entry.has_audio for entry in entries], dtype=bool)


def audio_source(
    mode: AudioMode, clips: ClipAudio, seed: int = 0, degradation: Degradation | None = None
) -> AudioSource:
    """Return the source of a mode; sources of the same `clips` read each clip once.

    Args:
        mode: Mode.
        clips: Audio of the scored clips, among which donors are found.
        seed: Seed of permutations, donors and noise.
        degradation: Degradation of the real audio.

    Raises:
        UsageError: The clips do not allow the mode, as a shuffle of one group; a degradation of
            audio that is not real.
    """
    reader = clips.reader
    if degradation is not None:
        if mode.kind != REAL:
            raise UsageError(
                f"{degradation}: real audio alone is degraded (got audio {mode}, expected {REAL}): "
                "leave one of both out"
            )
        require_waveforms(reader, str(degradation))
        return ChangedWaveform(clips, degradation)
    match mode.kind, mode.value:
        case "noise", float(snr_db):
            require_waveforms(reader, str(mode))
            return ChangedWaveform(clips, Noise(snr_db, seed))
        case "offset", float(seconds):
            return RotatedAudio(clips, seconds)
        case "silence", _:
            return SilentAudio(reader)
        case kind, _ if kind == REAL:
            return clips.real
    return BorrowedAudio(clips, audio_owners(mode, reader.entries, seed))


def audio_owners(
    mode: AudioMode, entries: Sequence[ClipEntry], seed: int = 0
) -> Int64[np.ndarray, " n"]:
    """Return the clip whose audio each clip hears; `NO_AUDIO` for none, itself for its own.

    Args:
        mode: Mode.
        entries: Scored clips.
        seed: Seed of permutations and donors.

    Raises:
        UsageError: The clips do not allow the mode.
    """
    group, audible = [entry.group for entry in entries], has_audio(entries)
    own = np.arange(len(entries), dtype=np.int64)
    match mode.kind:
        case "null":
            return np.full_like(own, NO_AUDIO)
        case "shuffle":
            return derange(group, audible, seed)
        case "shuffle-within-class":
            return derange_within_classes(group, [entry.label for entry in entries], audible, seed)
        case "donor" | "presence-swap":
            owner = draw_donors(entries, seed)
            return owner if mode.kind == "donor" else np.where(audible, NO_AUDIO, owner)
    return own


def require_waveforms(reader: ClipReader, mode: str) -> None:
    """Check that the shards hold samples, by the first clip with audio.

    Args:
        reader: Reader of the clips.
        mode: Mode that needs them, for the message.

    Raises:
        UsageError: There are none.
    """
    audible = next((entry for entry in reader.entries if entry.has_audio), None)
    if audible is not None and reader.waveform(audible) is None:
        raise UsageError(
            f"{mode}: the shards hold MFCC but no samples of {audible.id} (got keep_audio off, "
            "expected on): prepare the set again with --set keep_audio=true"
        )
