"""Initialization of a training stage from weights, and its provenance record."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from avme.checkpoint.file import find_checkpoint, newest_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import ArtifactError, MismatchError
from avme.models.autoencoder import grid_of
from avme.models.masking import Grid
from avme.progress import NullReporter, Reporter
from avme.shards.dataset import PreparedDataset
from avme.weights.load import ImportedWeights, read_weights
from avme.weights.load_into_model import LoadReport, require_geometry
from avme.weights.trained_model import load_trained, settings_in


def weights_for(
    settings: PretrainConfig | FinetuneConfig, file: Path, names: Path | None = None
) -> ImportedWeights:
    """Load weights and check that the settings describe their video model.

    Args:
        settings: Settings of the stage.
        file: Weight file.
        names: File of class names for the head, if any.
    """
    weights = read_weights(file, names)
    require_geometry(settings, weights)
    known, grid = settings.model.pos_embed_grid, grid_of(settings.model, settings.clip)
    if known is None or Grid(*known) == grid:
        return weights
    stretched = "positions of {} x {} x {} places are stretched over {} x {} x {}".format(
        *known, grid.slots, grid.rows, grid.columns
    )
    return replace(weights, warnings=(*weights.warnings, stretched))


def starting_point(init: Path) -> dict[str, Any]:
    """Return what a checkpoint fixes for the next stage: preset, model and window.

    Raises ArtifactError without a checkpoint, or for weights that belong to no run.
    """
    file = find_checkpoint(init, "last")
    checkpoint = load_trained(file)
    if "preset" not in checkpoint.facts:
        raise ArtifactError(f"{init} does not name the run that it is from: give it with --init")
    settings = settings_in(checkpoint, file).model_dump(mode="json")
    return {
        "preset": checkpoint.facts["preset"],
        "model": settings["model"],
        "clip": {
            key: settings["clip"][key]
            for key in ("split", "num_frames", "frame_stride", "image_size")
        },
    }


def provenance_of(
    weights: ImportedWeights | None, resumed: Path | None, fact: str
) -> dict[str, Any] | None:
    """Return the provenance record of the weights, or that of the resumed checkpoint.

    A run that is resumed with weights must name the same file that it started from.

    Args:
        weights: Loaded weights, if any.
        resumed: Checkpoint that is resumed, if any.
        fact: Key of the record.
    """
    if weights is not None:
        return weights.origin()
    if resumed is None:
        return None
    noted: dict[str, Any] | None = newest_checkpoint(resumed, NullReporter().log).facts.get(fact)
    return noted


def log_report(report: Reporter, tally: LoadReport) -> None:
    """Log which tensors were loaded, skipped and newly initialized."""
    for line in tally.lines():
        report.log(line)


def require_no_test_leak(
    origin: dict[str, Any] | None, prepared: PreparedDataset, split: str
) -> None:
    """Check that the weights never saw the test clips of the split.

    Args:
        origin: Provenance record.
        prepared: Dataset.
        split: Name of the split.
    """
    if not origin:
        return
    for earlier in ("init", "pretrained"):
        require_no_test_leak(origin.get(earlier), prepared, split)
    if origin.get("fingerprint") != prepared.fingerprint:
        return
    if origin.get("train_list_sha256") == prepared.list_sha256(split, "train"):
        return
    raise MismatchError(
        f"the encoder was pretrained on split {origin.get('split')} of {prepared.name}, whose "
        f"train list holds test clips of split {split}: fine-tune with --split "
        f"{origin.get('split')}, or pretrain with --split {split}"
    )
