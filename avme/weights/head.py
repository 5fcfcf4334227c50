"""Transfer of a head to a classifier's own classes: rows are matched by class name.

Names are compared exactly, capitals and spaces included.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from avme.errors import MismatchError
from avme.message_text import some_of
from avme.models.classifier import Classifier
from avme.weights.class_names import letters
from avme.weights.load import ImportedWeights


def end_for(
    model: Classifier, weights: ImportedWeights, classes: Sequence[str]
) -> tuple[dict[str, Tensor], list[str]]:
    """Return tensors for the model's pooled norm and head, and a reason where they start fresh.

    Rows of classes that the file lacks keep their fresh initialization.

    Args:
        model: Classifier to fill.
        weights: Loaded weights.
        classes: Classes of the model, in row order.
    """
    end = {n: t for n, t in weights.tensors.items() if n.startswith(("norm.", "head."))}
    if not end or weights.stage == "pretrain":
        return {}, []
    if not _fits(model, weights):
        return {}, ["norm and head are new: the file's belong to another modality, pool or norm"]
    if weights.stage == "encoder":
        return end, []
    if not weights.classes:
        return {}, [
            f"head is new: {weights.file} does not name its {weights.num_classes} classes; name "
            "them with --classes FILE"
        ]
    rows = rows_of(weights.classes, classes)
    known = [name for name, row in zip(classes, rows, strict=True) if row is not None]
    if not known:
        return {}, [
            f"head is new: none of the file's {weights.num_classes} classes "
            f"({some_of(weights.classes)}) is in the dataset "
            f"({some_of(classes)}){_nearly(weights.classes, classes)}"
        ]
    own = model.state_dict()
    for name in ("head.weight", "head.bias"):
        end[name] = own[name].clone()
        for index, row in enumerate(rows):
            if row is not None:
                end[name][index] = weights.tensors[name][row]
    return end, [_told(weights, classes, rows, known)]


def rows_of(known: Sequence[str], wanted: Sequence[str]) -> tuple[int | None, ...]:
    """Return the known row of each wanted class, None if it has none."""
    index = {name: row for row, name in enumerate(known)}
    return tuple(index.get(name) for name in wanted)


def in_order_of(
    weights: ImportedWeights, classes: Sequence[str]
) -> tuple[dict[str, Tensor], list[str]]:
    """Sort the head's rows by `classes`, other classes after them; return tensors and names.

    Raises:
        MismatchError: The file does not name its classes, or lacks one of these.
    """
    if not weights.classes:
        raise MismatchError(
            f"{weights.file} does not name its {weights.num_classes} classes: give them with "
            "--classes FILE, in the order of the head's rows"
        )
    missing = [name for name in classes if name not in weights.classes]
    if missing:
        others = [name for name in weights.classes if name not in classes]
        raise MismatchError(
            f"{weights.file} has {len(weights.classes)} classes, the set has {len(classes)} (only "
            f"there: {some_of(others) or 'none'}, only here: "
            f"{some_of(missing)}){_nearly(weights.classes, missing)}: choose another set with "
            "--data, or name the rows with --classes"
        )
    names = [*classes, *(name for name in weights.classes if name not in classes)]
    order = torch.tensor([weights.classes.index(name) for name in names])
    rows = {
        name: tensor[order]
        for name, tensor in weights.tensors.items()
        if name.endswith(("head.weight", "head.bias"))  # unimodal heads too
    }
    return weights.tensors | rows, names


def _fits(model: Classifier, weights: ImportedWeights) -> bool:
    names = {name for name in weights.tensors if name.startswith("norm.")}
    if names != {f"norm.{name}" for name in model.norm.state_dict()}:
        return False
    width = weights.tensors["norm.weight"].shape[0]
    return width == model.head.in_features and weights.pool == model.pool_by


def _told(
    weights: ImportedWeights,
    classes: Sequence[str],
    rows: Sequence[int | None],
    known: Sequence[str],
) -> str:
    unused = weights.num_classes - len(known)
    if len(known) == len(classes) and not unused:
        if list(rows) == list(range(len(rows))):
            return f"head: all {len(rows)} rows are the file's, whose classes are the set's"
        return f"head: all {len(rows)} rows are the file's, put in the order of the set's classes"
    fresh = [name for name, row in zip(classes, rows, strict=True) if row is None]
    return (
        f"head: {len(known)} of {len(classes)} rows are the file's by name ({some_of(known)}), "
        f"{len(fresh)} new ({some_of(fresh) or 'none'}); {unused} of the file's are no "
        "class of the set"
    )


def _nearly(known: Sequence[str], wanted: Sequence[str]) -> str:
    """Return a hint if names differ only in capitals, spaces and punctuation."""
    plain = {letters(name): name for name in known}
    for name in wanted:
        if name not in known and letters(name) in plain:
            return f"; names are compared exactly: {plain[letters(name)]!r} is not {name!r}"
    return ""
