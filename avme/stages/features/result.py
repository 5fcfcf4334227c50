"""Facts that all results on features state: features, clips of both lists, groups, signature."""

from dataclasses import dataclass
from typing import Any

from avme.evaluation.intervals import Groups
from avme.features.file import FeatureTable


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureResult:
    """Result on the test list of a split, from features."""

    table: FeatureTable
    num_train: int
    num_test: int
    left_out: tuple[int, int]
    """Clips without usable audio of the train and of the test list."""
    groups: Groups
    signature: str

    def facts(self) -> dict[str, Any]:
        """Return these facts as JSON."""
        return {
            "signature": self.signature,
            "features": self.table.facts,
            "train": self.num_train,
            "n": self.num_test,
            "left_out": list(self.left_out),
            "interval_method": self.groups.describe(),
        }
