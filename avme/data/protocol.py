"""Protocols of training and evaluation: the clips that are used and the audio that they have.

docs/protocols.md compares them. Where only some classes have audio, its presence predicts the
class, unless every clip has audio (`audio-only`, `donor`) or none has (`visual`, `constant`).

Shape letters: s MFCC rows, f coefficients.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from avme.config.train import AudioProtocol
from avme.data.clip_reader import ClipReader, Statistics
from avme.data.dataset import AudioOf
from avme.data.donor_audio import DonorAudio, DonorPool
from avme.data.temporal_sampling import Window
from avme.errors import MismatchError
from avme.message_text import some_of
from avme.shards.dataset import ClipEntry, PreparedDataset

_MOST_NAMED = 5
_SEED = 0
"""Seed of donors in evaluation, so that all classifiers are scored with the same."""


class NullAudio:
    """Audio of a clip without any: no row is valid, so that models use their null tokens."""

    def __init__(self, num_cepstra: int) -> None:
        self.num_cepstra = num_cepstra

    def __call__(
        self, entry: ClipEntry, window: Window, seed: int
    ) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return zeros for all rows of the window.

        Args:
            entry: Clip, which has no effect.
            window: Span of the clip.
            seed: Seed of the draw, which has no effect.
        """
        begin, end = window.rows()
        return torch.zeros(end - begin, self.num_cepstra), torch.zeros(
            end - begin, dtype=torch.bool
        )


class ViewAudio:
    """Audio of views in an evaluation: that of a protocol, with one donor per clip."""

    def __init__(self, reader: ClipReader, audio_of: AudioOf) -> None:
        self.reader, self.audio_of = reader, audio_of

    def audio(self, index: int, window: Window) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return the normalized MFCC and the valid rows of a window; any call gives the same."""
        return self.audio_of(self.reader.entries[index], window, _SEED)


def select_clips(
    protocol: AudioProtocol, entries: Sequence[ClipEntry], listed: str
) -> tuple[ClipEntry, ...]:
    """Return the clips of a list that the protocol uses.

    Args:
        protocol: Protocol.
        entries: Clips of the list.
        listed: Name of the list, for the error.

    Raises:
        MismatchError: None of them has usable audio under `audio-only`.
    """
    if protocol != "audio-only":
        return tuple(entries)
    chosen = tuple(entry for entry in entries if entry.has_audio)
    if not chosen:
        raise MismatchError(
            f"protocol audio-only: no clip of {listed} has usable audio (got 0 of {len(entries)}, "
            "expected some): use --protocol visual"
        )
    return chosen


def training_audio(
    protocol: AudioProtocol, reader: ClipReader, donors: ClipReader | None = None
) -> AudioOf | None:
    """Return the source of the clips' audio; None if it is their own.

    Args:
        protocol: Protocol.
        reader: Reader of the clips.
        donors: Reader of the clips from which donors are drawn; None for `reader`.
    """
    if protocol in ("visual", "constant"):
        return NullAudio(reader.num_cepstra)
    if protocol != "donor":
        return None
    donors = donors or reader
    return DonorAudio(reader, donors, DonorPool(donors.entries))


def view_audio(
    protocol: AudioProtocol, reader: ClipReader, donors: ClipReader | None
) -> tuple[ViewAudio, ...]:
    """Return the source of the audio of views in an evaluation; empty if it is the clips' own.

    Args:
        protocol: Protocol.
        reader: Reader of the scored clips.
        donors: Reader of training clips, from which donors are drawn.
    """
    audio_of = training_audio(protocol, reader, donors)
    return () if audio_of is None else (ViewAudio(reader, audio_of),)


def donor_reader(
    protocol: AudioProtocol, prepared: PreparedDataset, split: str, statistics: Statistics
) -> ClipReader | None:
    """Return the reader of the train list's clips with audio; None for protocols without donors.

    Args:
        protocol: Protocol.
        prepared: Dataset.
        split: Name of the split.
        statistics: MFCC statistics of the model.
    """
    if protocol != "donor":
        return None
    trained = prepared.subset(split, "train", allow_empty=True)
    return ClipReader(prepared, [entry for entry in trained if entry.has_audio], statistics)


def require_audio(
    protocol: AudioProtocol, entries: Iterable[ClipEntry], trained: Iterable[ClipEntry]
) -> None:
    """Raise MismatchError if a clip without usable audio has no donor under `donor`.

    Args:
        protocol: Protocol.
        entries: Clips to train on or to score.
        trained: Clips of the train list, which give donors.
    """
    if protocol == "donor":
        DonorPool(trained).require_donors(entries)


def used_classes(
    protocol: AudioProtocol, classes: Sequence[str], used: Iterable[ClipEntry]
) -> tuple[str, ...]:
    """Return the classes that a training can be expected to learn.

    Args:
        protocol: Protocol.
        classes: Classes of the dataset.
        used: Clips that the protocol uses.
    """
    if protocol != "audio-only":
        return tuple(classes)
    present = {entry.class_name for entry in used}
    return tuple(name for name in classes if name in present)


def describe_protocol(
    protocol: AudioProtocol, listed: Sequence[ClipEntry], used: Sequence[ClipEntry]
) -> str:
    """Describe the effect of a protocol on a list of clips; empty for `all`.

    Args:
        protocol: Protocol.
        listed: Clips of the list.
        used: Clips of it that the protocol uses.
    """
    count = len(listed)
    with_audio = sum(entry.has_audio for entry in listed)
    match protocol:
        case "audio-only":
            names = sorted({e.class_name for e in listed} - {e.class_name for e in used})
            text = f"audio-only: {len(used):,} of {count:,} clips have usable audio"
            if names:
                number = f"{len(names)} class{'es' if len(names) > 1 else ''}"
                some = some_of(names, _MOST_NAMED)
                text += f"; left out: {number} without such clips ({some})"
            return text
        case "donor":
            return (
                f"donor: {count - with_audio:,} of {count:,} clips have no usable audio and get "
                "that of a training clip of another group"
            )
        case "visual":
            return "visual: the model gets no audio"
        case "constant":
            return "constant: the model gets the null tokens instead of any clip's audio"
    return ""
