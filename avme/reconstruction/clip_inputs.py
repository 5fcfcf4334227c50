"""Inputs of a reconstruction: frames of a window, and its audio in three versions.

`real` is the audio of the model's protocol, `null` none, `shuffled` that of another clip. Where
there is no other audio, `shuffled` is missing.

Shape letters: c colors, t frames, h and w pixels, s MFCC rows, f coefficients, n samples.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int16, UInt8
from torch import Tensor

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.batch import AVBatch, EvalBatch
from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.data.protocol import donor_reader, select_clips, view_audio
from avme.data.temporal_sampling import spread_windows
from avme.errors import UsageError
from avme.evaluation.controls.audio_modes import audio_source
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.evaluation.controls.mode_names import parse_audio_mode
from avme.reconstruction.autoencoders import Autoencoder
from avme.shards.dataset import ClipEntry, PreparedDataset

AudioVersion = Literal["real", "null", "shuffled"]
AUDIO_VERSIONS: Final[tuple[AudioVersion, ...]] = ("real", "null", "shuffled")

Rows = tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]


@dataclass(frozen=True, slots=True)
class Track:
    """Audio of a window for playing, mono, from its first frame on."""

    samples: Int16[np.ndarray, " n"]
    rate_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInput:
    """Window of a clip as one model receives it."""

    name: str
    detail: str
    """Time of the window, class, or state of the audio, for figures."""
    video: UInt8[Tensor, "c t h w"]
    audio: Mapping[AudioVersion, Rows]
    seconds_per_frame: float
    track: Track | None = None

    def batch(self, version: AudioVersion) -> AVBatch:
        """Return it as a batch of one clip with a version of the audio."""
        mfcc, valid = self.audio[version]
        zero = torch.zeros(1, dtype=torch.int64)
        return AVBatch(
            video=self.video[None],
            mfcc=mfcc[None],
            audio_valid=valid[None],
            label=zero,
            clip=zero,
            seed=zero,
        )


@runtime_checkable
class ClipSource(Protocol):
    """Source of the clips of a comparison."""

    @property
    def title(self) -> str:
        """Dataset and list, or file."""
        ...

    @property
    def file_name(self) -> str:
        """Default name of files of its figures, without a suffix."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Warnings about what was read so far."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int, model: Autoencoder) -> ClipInput:
        """Return a clip as the model receives it."""
        ...


@dataclass(slots=True)
class DatasetClips:
    """Clips of the test list of a prepared dataset, each in its center window and crop.

    Shuffled audio is that of a clip of another group of the whole list.
    """

    folder: Path
    prepared: PreparedDataset
    entries: Sequence[ClipEntry]
    """Chosen clips."""
    split: str
    warnings: Sequence[str] = ()
    _opened: dict[int, tuple[EvalDataset, dict[str, int]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def title(self) -> str:
        """Dataset, split and list."""
        return f"{self.prepared.name}, split {self.split}, test list"

    @property
    def file_name(self) -> str:
        """Default name of files."""
        return f"{self.prepared.name}-split{self.split}-test"

    def read(self, index: int, model: Autoencoder) -> ClipInput:
        """Return a clip as the model receives it."""
        entry = self.entries[index]
        dataset, position = self._open(model)
        views = dataset[position[entry.id]]
        assert isinstance(views, EvalBatch)
        view = views.part(slice(1))
        audio: dict[AudioVersion, Rows] = {"real": (view.mfcc[0], view.audio_valid[0])}
        more = zip(views.other_mfcc[0], views.other_valid[0], strict=True)
        audio |= dict(zip(AUDIO_VERSIONS[1:], more, strict=False))
        clip = model.settings.clip
        (window,) = spread_windows(entry.num_frames, clip, 1)
        return ClipInput(
            name=entry.id,
            detail=_detail(entry),
            video=view.video[0],
            audio=audio,
            seconds_per_frame=float(clip.frame_stride / entry.fps),
            track=_track(dataset.reader, entry, window.start, clip.span_frames),
        )

    def _open(self, model: Autoencoder) -> tuple[EvalDataset, dict[str, int]]:
        if id(model) not in self._opened:
            protocol = model.settings.train.protocol
            listed = self.prepared.subset(self.split, "test")
            tested = select_clips(protocol, listed, f"{self.folder}, split {self.split}, test")
            missing = {entry.id for entry in self.entries} - {entry.id for entry in tested}
            more = [entry for entry in self.entries if entry.id in missing]
            reader = ClipReader(self.prepared, (*tested, *more), model.mfcc)
            donors = donor_reader(protocol, self.prepared, self.split, model.mfcc)
            audio = ClipAudio(reader, *view_audio(protocol, reader, donors))
            sources = [audio.real, audio_source(parse_audio_mode("null"), audio)]
            with suppress(UsageError):  # of one group, or without audio
                sources.append(audio_source(parse_audio_mode("shuffle"), audio))
            dataset = EvalDataset(reader, model.settings.clip, 1, 1, audio=sources)
            self._opened[id(model)] = dataset, {e.id: n for n, e in enumerate(reader.entries)}
        return self._opened[id(model)]


def _detail(entry: ClipEntry) -> str:
    heard = {"audible": "", "silent": ", silent track", "none": ", no audio track"}
    return f"{entry.class_name}{heard.get(entry.audio, '')}"


def _track(reader: ClipReader, entry: ClipEntry, start: int, span: int) -> Track | None:
    """Return the samples of a window, zero where there are none."""
    stored = reader.waveform(entry)
    if stored is None:
        return None
    samples, first_seconds = stored
    begin = round((start / float(entry.fps) - first_seconds) * SAMPLE_RATE_HZ)
    count = round(span / float(entry.fps) * SAMPLE_RATE_HZ)
    at = np.arange(begin, begin + count)
    inside = (at >= 0) & (at < len(samples))
    found = np.zeros(count, dtype=np.int16)
    found[inside] = samples[at[inside]]
    return Track(found, SAMPLE_RATE_HZ)
