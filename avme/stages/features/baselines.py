"""Accuracy that a dataset gives for nothing: linear models on mean colors and on MFCC statistics.

They are fitted on the train list and scored on the test list of every split. The penalty is chosen
on groups held out of the train list. A network must be above them to have learned more than the
color and the timbre of its classes.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from avme.evaluation.intervals import Groups
from avme.features.clip_statistics import ClipStatistics, read_statistics
from avme.features.file import FeatureRows
from avme.features.linear_probe import ProbeResult, probe
from avme.features.logistic_regression import GRID, USUAL_C, fit_and_score
from avme.features.scores import ClassScores
from avme.features.top_k import tops_of
from avme.progress import Reporter, Task
from avme.shards.dataset import ClipEntry, PreparedDataset

MODELS: Final = ("mean colors", "MFCC statistics", "both")
"""Names of the linear models in tables and JSON."""


def measure_baselines(prepared: PreparedDataset, report: Reporter) -> dict[str, Any]:
    """Return the result of every split, None without two classes to learn and a clip to test.

    Args:
        prepared: Dataset.
        report: Receives progress, and a warning of fits that did not converge.

    Raises:
        ArtifactError: A shard is damaged.
    """
    lists = {
        split: (
            prepared.subset(split, "train", allow_empty=True),
            prepared.subset(split, "test", allow_empty=True),
        )
        for split in prepared.splits
    }
    possible = {split: both for split, both in lists.items() if _is_possible(*both)}
    used = {entry.id: entry for both in possible.values() for each in both for entry in each}
    statistics = read_statistics(prepared, tuple(used.values()), report)
    num_classes = len(prepared.classes)
    fits = len(possible) * len(MODELS) * (len(GRID) + 1)
    with report.task("linear models", fits) as task:
        return {
            split: measure_split(
                *lists[split], statistics, num_classes=num_classes, task=task, report=report
            )
            if split in possible
            else None
            for split in lists
        }


def _is_possible(train: Sequence[ClipEntry], test: Sequence[ClipEntry]) -> bool:
    return len({entry.label for entry in train}) > 1 and len(test) > 0


def measure_split(
    train: Sequence[ClipEntry],
    test: Sequence[ClipEntry],
    statistics: ClipStatistics,
    *,
    num_classes: int,
    task: Task,
    report: Reporter,
) -> dict[str, Any]:
    """Fit every model on one split, and return accuracies with intervals by group.

    Args:
        train: Train list, of two classes at least.
        test: Test list.
        statistics: Features of the clips.
        num_classes: Number of classes.
        task: Counts the fits.
        report: Receives a warning of fits that did not converge.
    """
    groups = Groups([entry.group for entry in test])
    models = {}
    for name in MODELS:
        features = _features(name, statistics)
        fitted, scored = (_rows(each, features[statistics.rows_of(each)]) for each in (train, test))
        found = _fit(fitted, scored, num_classes, task)
        if found.unconverged:
            report.log(
                f"warning: {name}: {found.unconverged} of {len(found.validation) + 1} fits reached "
                "their limit of iterations"
            )
        models[name] = {
            **tops_of(found.scores, groups).as_record(),
            "c": found.c,
            "validation_clips": found.held_out,
            "validation": [{"c": c, "top1": top1} for c, top1 in found.validation],
        }
    return {
        "train": len(train),
        "test": len(test),
        "chance": 1.0 / num_classes,
        "models": models,
        "interval_method": groups.describe(),
    }


def _features(name: str, statistics: ClipStatistics) -> Float32[np.ndarray, "n d"]:
    colors, audio, _ = MODELS
    if name == colors:
        return statistics.color
    if name == audio:
        return statistics.mfcc
    return np.concatenate([statistics.color, statistics.mfcc], axis=1)


def _rows(entries: Sequence[ClipEntry], features: Float32[np.ndarray, "n d"]) -> FeatureRows:
    return FeatureRows(
        id=tuple(entry.id for entry in entries),
        group=tuple(entry.group for entry in entries),
        class_name=tuple(entry.class_name for entry in entries),
        label=np.array([entry.label for entry in entries], dtype=np.int32),
        features=features,
        num_left_out=0,
    )


def _fit(train: FeatureRows, test: FeatureRows, num_classes: int, task: Task) -> ProbeResult:
    done = 0

    def fit(*args: Any, **options: Any) -> tuple[ClassScores, int]:
        nonlocal done
        result = fit_and_score(*args, **options)
        done += 1
        task.advance()
        return result

    found = probe(train, test, num_classes, GRID, usual_c=USUAL_C, fit=fit)
    task.advance(len(GRID) + 1 - done)  # without groups to hold out there is one fit
    return found
