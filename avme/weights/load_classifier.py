"""Loading of the classifier that `avme eval` scores: from a run, a file or published weights.

The head's rows are sorted by the dataset's classes; classes that the dataset lacks follow and can
still be predicted.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from avme.config import EvalConfig, FinetuneConfig
from avme.errors import MismatchError
from avme.io.filenames import EXPORT, RUN_STATUS
from avme.io.run_status import require_finished_run
from avme.io.symlinks import require_no_links
from avme.message_text import some_of
from avme.models.classifier import Classifier, build_classifier
from avme.progress import Reporter
from avme.shards.dataset import PreparedDataset
from avme.weights.head import in_order_of
from avme.weights.load import ImportedWeights, read_weights
from avme.weights.settings import settings_of
from avme.weights.tensor_files import SIDECAR

_RUNS: Final = Path("runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedClassifier:
    """Classifier on the CPU, with its provenance."""

    model: Classifier
    settings: FinetuneConfig
    classes: tuple[str, ...]
    """Classes of the head's rows: the dataset's in its order, then all others."""
    weights: ImportedWeights


def read_classifier(path: Path, classes: Path | None = None) -> ImportedWeights:
    """Load weights with a head, from a run, a checkpoint, or a file or folder of any form.

    `classes` names the head's rows. Raises MismatchError without a head.
    """
    weights = read_weights(require_finished_run(path), classes)
    if weights.stage != "finetune":
        what = "an encoder alone" if weights.stage == "encoder" else "a pretrain checkpoint"
        how = "--from" if weights.form == "avme" else "--init"
        raise MismatchError(
            f"{weights.file} is {what} and has no classifier: run `avme finetune {how} {path}` "
            "first"
        )
    return weights


def complete_settings(weights: ImportedWeights, config: EvalConfig) -> ImportedWeights:
    """Complete the weights with stride and heads of the settings, if they do not state theirs.

    Raises MismatchError if they state others.
    """
    key = "model.visual.heads"
    for name, asked, known in (
        ("frame_stride", config.frame_stride, weights.stride),
        ("heads", config.heads, weights.leaves.get(key)),
    ):
        if asked is not None and known is not None and asked != known:
            raise MismatchError(
                f"{weights.file} was trained with {name} {known} (got {asked}): leave {name} out"
            )
    if config.frame_stride is not None and weights.stride is None:
        note = {SIDECAR: {"frame_stride": config.frame_stride}}
        weights = replace(weights, config=weights.config | note)
    if config.heads is not None and key not in weights.leaves:
        leaves = weights.leaves | {key: config.heads}
        weights = replace(weights, leaves=leaves, warnings=())
    return weights


def build_trained(
    weights: ImportedWeights, prepared: PreparedDataset, report: Reporter
) -> TrainedClassifier:
    """Build the classifier for the classes of a dataset.

    Args:
        weights: Weights with a head.
        prepared: Dataset.
        report: Receives messages.

    Raises:
        MismatchError: The head has no row for a class of the dataset.
    """
    settings = settings_of(weights)
    if not isinstance(settings, FinetuneConfig):
        raise TypeError(f"{weights.file} has the settings of {weights.stage}, expected finetune")
    tensors, classes = in_order_of(weights, prepared.classes)
    others = classes[len(prepared.classes) :]
    if others:
        report.log(
            f"{len(others)} of the classifier's {len(classes)} classes are not in the set "
            f"({some_of(others)}): they stay possible answers"
        )
    for warning in weights.warnings:
        report.log(warning)
    if weights.stride is None:
        stride = settings.clip.frame_stride
        report.log(
            f"{weights.file} does not record its stride: using {stride}, change it with --set "
            "frame_stride=N"
        )
    model = build_classifier(settings, len(classes))
    model.load_state_dict(tensors)
    return TrainedClassifier(
        model=model, settings=settings, classes=tuple(classes), weights=weights
    )


def results_of(weights: ImportedWeights, kind: str = "eval") -> Path:
    """Return the folder for results: the run's, or one below runs/ for other weights.

    Raises ArtifactError if the run contains symlinks. `kind` is the name of the folder in the run.
    """
    file = weights.file
    run = file.parent.parent if file.parent.name == "checkpoints" else file.parent
    if (run / RUN_STATUS).is_file():
        require_no_links(run)
        return run / kind
    in_folder = bool(weights.parts) or any(
        (file.parent / name).is_file() for name in ("config.json", EXPORT)
    )
    folder = _RUNS / f"{kind}-{file.parent.resolve().name if in_folder else file.stem}"
    require_no_links(folder)
    return folder
