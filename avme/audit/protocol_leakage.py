"""Protocols of training and testing with audio, and the leakage that each leaves.

Only a protocol in which every clip has audio, or none has, is free of leakage: all values of
`--protocol` but `all`. Dropping audio at random reduces it but never removes it: a clip that still
has audio is of a class with audio.

Shape letters: l classes, p = 2 states (without usable audio, with it).
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Int

from avme.audit.audio_leak import dropped, mutual_bits
from avme.config.train import AudioProtocol

Clips = Literal["all", "classes with audio", "usable audio"]

_MOSTLY: Final = 0.5
_DROPPED: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Protocol:
    """Selection of clips and treatment of their audio."""

    name: str
    train: int
    """Number of train clips."""
    test: int
    """Number of test clips."""
    classes: int
    bits: float
    """Remaining mutual information of presence and class on the train list; the expected value for
    random drops."""
    options: tuple[str, ...] | None = None
    """Options of `avme finetune` for it; None if it needs a dataset of its own."""
    run: str | None = None
    """Suffix of the run's name, where protocols would share a run folder."""
    clips: Clips = "all"
    """Clips of that dataset."""


def classes_with_audio(train: Int[np.ndarray, "l p"]) -> Bool[np.ndarray, " l"]:
    """Return the classes in which at least half of the train clips have usable audio."""
    counts: Int[np.ndarray, " l"] = train.sum(axis=1)
    return np.logical_and(counts > 0, train[:, 1] >= _MOSTLY * counts)


def protocols(train: Int[np.ndarray, "l p"], test: Int[np.ndarray, "l p"]) -> list[Protocol]:
    """Return the standard protocols for counts of clips without and with usable audio by class."""
    mostly = classes_with_audio(train)
    with_audio = train[:, 1] > 0
    everything = (int(train.sum()), int(test.sum()), int(np.count_nonzero(train.sum(axis=1))))
    audible = (
        int(train[:, 1].sum()),
        int(test[with_audio, 1].sum()),
        int(np.count_nonzero(with_audio)),
    )
    return [
        Protocol("all clips as they are", *everything, mutual_bits(train), ()),
        *(
            Protocol(
                f"all clips, audio dropped from {share:.0%}",
                *everything,
                mutual_bits(dropped(train, share)),
                ("--set", f"augment.audio_dropout={share:g}"),
                f"dropout-{share:g}",
            )
            for share in _DROPPED
        ),
        Protocol(
            "all clips of classes that mostly have audio",
            int(train[mostly].sum()),
            int(test[mostly].sum()),
            int(np.count_nonzero(mostly)),
            mutual_bits(train[mostly]),
            clips="classes with audio",
        ),
        Protocol("only clips with usable audio", *audible, 0.0, _option("audio-only")),
        Protocol("only clips with usable audio, as a dataset", *audible, 0.0, clips="usable audio"),
        Protocol(
            "all clips, audio of donors where none is usable", *everything, 0.0, _option("donor")
        ),
        Protocol("all clips, constant audio (control)", *everything, 0.0, _option("constant")),
        Protocol("all clips, video only", *everything, 0.0, _option("visual")),
    ]


def _option(protocol: AudioProtocol) -> tuple[str, ...]:
    return "--protocol", protocol
