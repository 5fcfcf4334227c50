"""Linear probe of the test list of a split, from features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.evaluation.intervals import Groups
from avme.features.extract import FeatureOptions
from avme.features.linear_probe import ProbeResult
from avme.features.linear_probe import probe as fit_probe
from avme.features.signature import feature_signature
from avme.features.source import load_features
from avme.features.top_k import Tops, tops_of
from avme.progress import NullReporter, Reporter
from avme.stages.features.result import FeatureResult


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearResult(FeatureResult):
    """Accuracies of a linear probe."""

    found: ProbeResult
    tops: Tops

    def as_record(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            **self.facts(),
            "c": self.found.c,
            "validation_clips": self.found.held_out,
            "validation": [{"c": c, "top1": top1} for c, top1 in self.found.validation],
            **self.tops.as_record(),
        }


def probe(
    source: Path, *, options: FeatureOptions | None = None, report: Reporter | None = None
) -> LinearResult:
    """Fit a linear classifier on the train list, and score the test list.

    Args:
        source: Run, checkpoint, weights, or a file of features.
        options: What to compute.
        report: Receives progress.

    Raises:
        ArtifactError: Checkpoint, dataset or file are missing, or a list has no clip.
        MismatchError: The file holds other features, or the checkpoint was trained on test clips.
        UsageError: The train list has a single class.
    """
    report = report or NullReporter()
    table = load_features(source, options or FeatureOptions(), report)
    train, test = table.rows("train"), table.rows("test")
    found = fit_probe(train, test, len(table.classes))
    if not found.held_out:
        report.log(f"no group of the train list can be held out: C is {found.c:g}")
    if found.unconverged:
        report.log(
            f"warning: {found.unconverged} of {len(found.validation) + 1} fits reached their limit "
            "of iterations"
        )
    groups = Groups(test.group)
    return LinearResult(
        table=table,
        found=found,
        tops=tops_of(found.scores, groups),
        num_train=len(train.id),
        num_test=len(test.id),
        left_out=(train.num_left_out, test.num_left_out),
        groups=groups,
        signature=feature_signature(table, f"probe=std+linsvc,C{found.c:g}", groups),
    )
