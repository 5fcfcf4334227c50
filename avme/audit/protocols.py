"""Ways to train and test with sound, and how much of the label each still gives away by presence.

Only a protocol in which every clip has sound, or none has, is free of the leak. Dropping sound at
random makes it smaller and never zero: a clip that still has sound is of a class with sound.

Shape letters: l classes, p = 2 states (without usable sound, with it).
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Int

from avme.audit.audio_leak import dropped, mutual_bits

Clips = Literal["all", "sounding classes", "usable sound"]

_MOSTLY: Final = 0.5
_DROPPED: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A choice of clips and of what is done with their sound."""

    name: str
    train: int
    """Clips."""
    test: int
    """Clips."""
    classes: int
    bits: float
    """What presence still tells of the class on the train list; drops at random: on average."""
    options: tuple[str, ...] | None = None
    """Options of `avme finetune` that do it; None where it needs a set of its own clips."""
    run: str | None = None
    """What to append to the name of the run, where protocols would share a run folder."""
    clips: Clips = "all"
    """The clips of that set."""


def sounding_classes(train: Int[np.ndarray, "l p"]) -> Bool[np.ndarray, " l"]:
    """Classes of which at least half of the train clips have usable sound."""
    counts: Int[np.ndarray, " l"] = train.sum(axis=1)
    return np.logical_and(counts > 0, train[:, 1] >= _MOSTLY * counts)


def protocols(train: Int[np.ndarray, "l p"], test: Int[np.ndarray, "l p"]) -> list[Protocol]:
    """The usual ones, from the clips of every class without and with usable sound."""
    mostly = sounding_classes(train)
    heard = train[:, 1] > 0
    everything = (int(train.sum()), int(test.sum()), int(np.count_nonzero(train.sum(axis=1))))
    return [
        Protocol("all clips as they are", *everything, mutual_bits(train), ()),
        *(
            Protocol(
                f"all clips, sound dropped from {share:.0%}",
                *everything,
                mutual_bits(dropped(train, share)),
                ("--set", f"augment.audio_dropout={share:g}"),
                f"dropout-{share:g}",
            )
            for share in _DROPPED
        ),
        Protocol(
            "all clips of classes that mostly sound",
            int(train[mostly].sum()),
            int(test[mostly].sum()),
            int(np.count_nonzero(mostly)),
            mutual_bits(train[mostly]),
            clips="sounding classes",
        ),
        Protocol(
            "only clips with usable sound",
            int(train[:, 1].sum()),
            int(test[heard, 1].sum()),
            int(np.count_nonzero(heard)),
            0.0,
            clips="usable sound",
        ),
        Protocol("all clips, pictures only", *everything, 0.0, ("--modality", "v")),
    ]
