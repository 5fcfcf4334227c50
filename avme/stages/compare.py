"""Comparison of two evaluations of the same clips, paired by clip."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from avme.errors import ArtifactError, UsageError
from avme.evaluation.intervals import Groups
from avme.evaluation.paired_tests import PairedDifference, compare_correct
from avme.evaluation.predictions import SUMMARY, Predictions, align, read_predictions
from avme.io.atomic import read_json
from avme.train.evaluator import top_k_correct

_MOST_CLASSES = 5
_CONTROLS = "-controls"
"""End of the name of the results folder of a battery."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Second evaluation against the first."""

    first: Predictions
    second: Predictions
    groups: Groups
    top1: tuple[float, float]
    paired: PairedDifference
    by_audio: dict[str, tuple[int, PairedDifference]]
    """Number of clips and difference for each audio state."""
    late_fusion: float
    """Top-1 of the normalized product of both probabilities."""
    either: float
    """Share of clips that at least one has right."""
    by_class: tuple[tuple[str, int, float], ...]
    """Class, clips and difference in accuracy, for the classes that changed most."""
    flips: tuple[tuple[str, str, str, int], ...]
    """True class, prediction of the first, prediction of the second, and clips."""

    def as_record(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        return {
            "first": str(self.first.folder),
            "second": str(self.second.folder),
            "signatures": [one.summary.get("signature") for one in (self.first, self.second)],
            "n": len(self.first.id),
            "interval_method": self.groups.describe(),
            "top1": list(self.top1),
            "paired": asdict(self.paired),
            "by_audio": {
                state: {"n": count, **asdict(paired)}
                for state, (count, paired) in self.by_audio.items()
            },
            "late_fusion_top1": self.late_fusion,
            "either_right": self.either,
            "by_class": [list(row) for row in self.by_class],
            "flips": [list(row) for row in self.flips],
        }


def compare(first: Path, second: Path) -> Comparison:
    """Compare two evaluations by the clips that they have right.

    Args:
        first: Results folder of `avme eval`, or a run.
        second: The other.

    Raises:
        ArtifactError: A folder holds no finished evaluation, or a damaged one.
        MismatchError: They scored different clips or classes.
        UsageError: A path is no folder; runs hold several evaluations, not one of them in both.
    """
    folders = find_pair(first, second)
    one = read_predictions(folders[0])
    two = align(one, read_predictions(folders[1]))
    groups = Groups(one.group)
    right = [_correct(each.label, each.probability) for each in (one, two)]
    states = np.array(one.audio)
    return Comparison(
        first=one,
        second=two,
        groups=groups,
        top1=(float(right[0].mean()), float(right[1].mean())),
        paired=compare_correct(right[0], right[1], groups),
        by_audio={
            state: (int(among.sum()), _compare_subset(right, one.group, among))
            for state in dict.fromkeys(one.audio)
            if (among := states == state).any()
        },
        late_fusion=float(_correct(one.label, _product(one, two)).mean()),
        either=float((right[0] | right[1]).mean()),
        by_class=_by_class(one, right),
        flips=_flips(one, two),
    )


def find_pair(first: Path, second: Path) -> tuple[Path, Path]:
    """Return the results folders to compare.

    Of runs with several evaluations it is the only one that both have, by the name of its folder.
    A battery of controls counts if there is no other, as its predictions are those of the clips as
    they are.

    Args:
        first: Results folder, or run.
        second: The other.

    Raises:
        ArtifactError: A folder holds no evaluation.
        UsageError: A path is no folder, or there is no such pair or several.
    """
    found = [find_results(path) for path in (first, second)]
    if all(len(each) == 1 for each in found):
        return found[0][0], found[1][0]
    shared = {each.name for each in found[0]} & {each.name for each in found[1]}
    names = {name for name in shared if not name.endswith(_CONTROLS)} or shared
    if len(names) == 1:
        one, two = ([each for each in folders if each.name in names] for folders in found)
        return one[0], two[0]
    path, folders = max(zip((first, second), found, strict=True), key=lambda each: len(each[1]))
    raise UsageError(
        f"{path} holds {len(folders)} evaluations, of which {len(names)} are in both (got "
        f"{', '.join(each.name for each in folders)}; expected one): name one, such as {folders[0]}"
    )


def find_results(path: Path) -> list[Path]:
    """Return the results folder `path`, or those of the run `path`; never none."""
    if not path.exists():
        raise UsageError(f"{path} does not exist, expected a results folder or a run")
    if not path.is_dir():
        raise UsageError(f"{path} is a file, expected a results folder or a run")
    if (path / SUMMARY).is_file():
        return [path]
    found = sorted(each.parent for each in path.glob(f"eval/*/{SUMMARY}"))
    if not found:
        raise ArtifactError(f"{path} holds no evaluation: run `avme eval {path}` first")
    return found


def require_comparison_file(path: Path) -> None:
    """Raise UsageError if `path` is a folder, or a file that is no earlier comparison."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder, expected a file: name another with --out")
    if not path.exists():
        return
    try:
        earlier = set(read_json(path))
    except ArtifactError:
        earlier = set()
    if not {"first", "second", "late_fusion_top1"} <= earlier:
        raise UsageError(f"{path} is no earlier comparison: name another file with --out")


def _correct(label: np.ndarray, probability: Float[np.ndarray, "n l"]) -> Bool[np.ndarray, " n"]:
    return top_k_correct(label, probability, 1)


def _compare_subset(
    right: list[Bool[np.ndarray, " n"]], group: tuple[str, ...], among: Bool[np.ndarray, " n"]
) -> PairedDifference:
    chosen = Groups([name for name, one in zip(group, among, strict=True) if one])
    return compare_correct(right[0][among], right[1][among], chosen)


def _product(one: Predictions, two: Predictions) -> Float[np.ndarray, "n l"]:
    tiny = np.finfo(np.float64).tiny
    logs = np.log(np.maximum(one.probability, tiny)) + np.log(np.maximum(two.probability, tiny))
    product = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(product / product.sum(axis=1, keepdims=True))


def _by_class(
    one: Predictions, right: list[Bool[np.ndarray, " n"]]
) -> tuple[tuple[str, int, float], ...]:
    rows = []
    for label, name in enumerate(one.classes):
        among = one.label == label
        if among.any():
            change = float(right[1][among].mean() - right[0][among].mean())
            rows.append((name, int(among.sum()), change))
    changed = [row for row in rows if row[2]]
    return tuple(sorted(changed, key=lambda row: (-abs(row[2]), row[0]))[:_MOST_CLASSES])


def _flips(one: Predictions, two: Predictions) -> tuple[tuple[str, str, str, int], ...]:
    before, after = one.probability.argmax(axis=1), two.probability.argmax(axis=1)
    counts = Counter(
        (one.classes[label], one.classes[a], one.classes[b])
        for label, a, b in zip(one.label.tolist(), before.tolist(), after.tolist(), strict=True)
        if a != b
    )
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_CLASSES]
    return tuple((*names, count) for names, count in most)
