"""What a recipe is: settings of both training stages, each value with the place it is from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CitedValue:
    """Value with a short citation of its source."""

    value: Any
    source: str


PresetLayer = Mapping[str, CitedValue]
"""Dotted key -> what a recipe sets there; what it leaves out keeps its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """The lists that a recipe was made for."""

    name: str
    train: int
    """Clips of the train list."""
    classes: int
    source: str
    held_out: int | None = None
    """Clips that `val_fraction` 0.1 and seed 0 hold out; None where group sizes are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A network and how it is trained."""

    summary: str
    pretrain: PresetLayer = field(default_factory=dict)
    finetune: PresetLayer = field(default_factory=dict)
    clips: DatasetFacts | None = None
    """None where any set will do."""
    starts_from: str | None = None
    """Weights of other origin that pretraining begins with, to be given with `--init`."""
    commands: tuple[str, ...] = ()
    """From videos to top-1."""
    differs: tuple[str, ...] = ()
    """Differences of the source that no setting can express."""

    def layer(self, stage: str) -> PresetLayer:
        """Return the settings for a stage."""
        return {"pretrain": self.pretrain, "finetune": self.finetune}[stage]


UCF101 = DatasetFacts(
    name="UCF101, split 1", train=9537, classes=101, source="ucfTrainTestlist", held_out=951
)
KINETICS400 = DatasetFacts(
    name="Kinetics-400", train=240_000, classes=400, source="about, after VideoMAE's paper"
)
