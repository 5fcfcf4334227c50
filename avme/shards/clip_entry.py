"""Valid clip of a finished dataset, as a row of `index.csv` describes it to later stages."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final, cast

from avme.audio.loudness import AUDIO_STATES, AudioState
from avme.errors import ArtifactError
from avme.shards.name_rules import require_clip_id, require_label, require_shard_name

HINT: Final = "`avme verify` shows how to fix it"
"""End of messages about damaged tables."""


@dataclass(frozen=True, slots=True)
class ClipEntry:
    """Valid clip and its position."""

    id: str
    class_name: str
    label: int
    group: str
    num_frames: int
    fps: Fraction
    width: int
    height: int
    audio: AudioState
    shard: str
    """File name below `shards/`."""
    row: int
    """Row in that shard."""

    @property
    def has_audio(self) -> bool:
        """True if the clip has usable audio: a track that is not silent."""
        return self.audio == AUDIO_STATES[0]


def parse_entries(path: Path, sha256: str) -> Iterator[ClipEntry]:
    """Yield the clips of `index.csv` in its order.

    Raises ArtifactError if a row is invalid, or at the end if the file has another SHA-256.
    """
    digest = hashlib.sha256()

    def lines(file: BinaryIO) -> Iterator[str]:
        for line in file:
            digest.update(line)
            yield line.decode("utf-8")

    try:
        with path.open("rb") as file:
            yield from map(_entry, csv.DictReader(lines(file)))
    except (OSError, KeyError, ValueError, TypeError, ZeroDivisionError, csv.Error) as error:
        what = type(error).__name__ if isinstance(error, UnicodeError) else repr(error)
        raise ArtifactError(f"{path} cannot be read ({what}): {HINT}") from error
    if digest.hexdigest() != sha256:
        raise ArtifactError(f"{path} has changed since it was written: {HINT}")


def _entry(row: dict[str, str]) -> ClipEntry:
    return ClipEntry(
        id=require_clip_id(row["id"]),
        class_name=require_label(row["class_name"]),
        label=int(row["label"]),
        group=require_label(row["group"]),
        num_frames=int(row["frames"]),
        fps=Fraction(int(row["fps_num"]), int(row["fps_den"])),
        width=int(row["width"]),
        height=int(row["height"]),
        audio=cast(AudioState, row["audio"]),
        shard=require_shard_name(row["shard"]),
        row=int(row["row"]),
    )
