"""Predictions of a finished evaluation, read back from its results folder."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from avme.errors import ArtifactError, MismatchError
from avme.io.atomic import read_json
from avme.message_text import some_of

SUMMARY = "summary.json"
PREDICTIONS_NPZ = "predictions.npz"


@dataclass(frozen=True, slots=True)
class Predictions:
    """Class probabilities of a list of clips.

    Shape letters: n clips, l classes.
    """

    folder: Path
    summary: dict[str, Any]
    id: tuple[str, ...]
    group: tuple[str, ...]
    audio: tuple[str, ...]
    label: Int[np.ndarray, " n"]
    probability: Float[np.ndarray, "n l"]
    classes: tuple[str, ...]


def read_predictions(folder: Path) -> Predictions:
    """Read the predictions of an evaluation.

    Raises ArtifactError if the folder holds no finished evaluation, or a damaged one.
    """
    if not (folder / SUMMARY).is_file():
        raise ArtifactError(
            f"{folder} has no {SUMMARY}: expected the results folder of a finished `avme eval`"
        )
    summary, path = read_json(folder / SUMMARY), folder / PREDICTIONS_NPZ
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            text = {name: tuple(map(str, arrays[name])) for name in ("id", "group", "audio")}
            classes = tuple(map(str, arrays["classes"]))
            label, probability = arrays["label"], arrays["probability"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} cannot be read ({error}): run `avme eval` again") from error
    num_clips = len(text["id"])
    is_whole = (
        num_clips > 0
        and {len(column) for column in text.values()} == {num_clips}
        and label.dtype == np.int64
        and label.shape == (num_clips,)
        and probability.dtype == np.float64
        and probability.shape == (num_clips, len(classes))
        and bool(np.isfinite(probability).all())
        and bool(((label >= 0) & (label < len(classes))).all())
    )
    if not is_whole:
        raise ArtifactError(f"{path}: its arrays do not fit together: run `avme eval` again")
    return Predictions(
        folder, summary, **text, label=label, probability=probability, classes=classes
    )


def align(first: Predictions, second: Predictions) -> Predictions:
    """Return the second predictions with clips and classes in the order of the first.

    Args:
        first: Predictions that give the order.
        second: Predictions of the same clips and classes.

    Raises:
        MismatchError: Clips, classes or true classes differ.
    """
    _require_equal(first, second, "classes", first.classes, second.classes)
    _require_equal(first, second, "clips", first.id, second.id)
    column = {name: index for index, name in enumerate(second.classes)}
    row = {name: index for index, name in enumerate(second.id)}
    columns = [column[name] for name in first.classes]
    rows = [row[name] for name in first.id]
    probability = second.probability[np.ix_(rows, columns)]
    label = np.argsort(columns)[second.label[rows]].astype(np.int64)
    differing = [
        clip for clip, same in zip(first.id, label == first.label, strict=True) if not same
    ]
    if differing:
        raise MismatchError(
            f"{len(differing)} of {len(first.id)} clips have another class in {second.folder} than "
            f"in {first.folder} ({some_of(differing)}): evaluate both on the same dataset"
        )
    return Predictions(
        second.folder,
        second.summary,
        first.id,
        tuple(second.group[index] for index in rows),
        tuple(second.audio[index] for index in rows),
        label,
        probability,
        first.classes,
    )


def _require_equal(
    first: Predictions,
    second: Predictions,
    what: str,
    ours: tuple[str, ...],
    theirs: tuple[str, ...],
) -> None:
    missing, more = set(ours) - set(theirs), set(theirs) - set(ours)
    if missing or more:
        example = some_of(sorted(missing or more))
        raise MismatchError(
            f"{first.folder} and {second.folder} scored different {what}: {len(missing)} only in "
            f"the first, {len(more)} only in the second ({example}): evaluate both on the same list"
        )
