"""k-nearest-neighbor classification of the test list of a split, from features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.evaluation.intervals import Groups
from avme.features.extract import FeatureOptions
from avme.features.knn import NEIGHBORS, TEMPERATURE, score_neighbors
from avme.features.signature import feature_signature
from avme.features.source import load_features
from avme.features.top_k import Tops, tops_of
from avme.progress import NullReporter, Reporter
from avme.stages.features.result import FeatureResult


@dataclass(frozen=True, slots=True, kw_only=True)
class KnnResult(FeatureResult):
    """Accuracies by number of neighbors."""

    tops: dict[int, Tops]

    def as_record(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            **self.facts(),
            "neighbors": {str(k): tops.as_record() for k, tops in self.tops.items()},
        }


def knn(
    source: Path, *, options: FeatureOptions | None = None, report: Reporter | None = None
) -> KnnResult:
    """Classify the test list by the nearest clips of the train list.

    Args:
        source: Run, checkpoint, weights, or a file of features.
        options: What to compute.
        report: Receives progress.

    Raises:
        ArtifactError: Checkpoint, dataset or file are missing, or a list has no clip.
        MismatchError: The file holds other features, or the checkpoint was trained on test clips.
    """
    table = load_features(source, options or FeatureOptions(), report or NullReporter())
    train, test = table.rows("train"), table.rows("test")
    scores = score_neighbors(
        train.features,
        train.label,
        test.features,
        test.label,
        num_classes=len(table.classes),
    )
    groups = Groups(test.group)
    ks = ",".join(map(str, NEIGHBORS))
    return KnnResult(
        table=table,
        tops={k: tops_of(each, groups) for k, each in scores.items()},
        num_train=len(train.id),
        num_test=len(test.id),
        left_out=(train.num_left_out, test.num_left_out),
        groups=groups,
        signature=feature_signature(table, f"knn=cos,T{TEMPERATURE:g},k{ks}", groups),
    )
