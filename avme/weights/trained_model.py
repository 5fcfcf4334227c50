"""Trained avme models with all metadata, as a checkpoint or as safetensors.

The safetensors file stores settings, classes, statistics and the hashes of data and lists in its
metadata, so that it can be moved.
"""

import json
from pathlib import Path

from avme.checkpoint.file import Checkpoint, load_checkpoint
from avme.checkpoint.schema import FORMAT, require_weights
from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import ArtifactError
from avme.weights.checkpoint_files import read_file
from avme.weights.stored_settings import parse_settings
from avme.weights.tensor_files import SIDECAR, write_safetensors


def export_run(run: Path, last: Checkpoint, epoch: int, best: Path) -> None:
    """Write weights.safetensors of a run.

    Args:
        run: Run folder.
        last: Last checkpoint.
        epoch: Number of trained epochs.
        best: Checkpoint of the best epoch, if there is validation.
    """
    chosen = last
    if last.best and best.is_file():
        chosen, epoch = load_checkpoint(best), int(last.best.get("epoch", epoch))
    write_trained(run / "weights.safetensors", chosen, epoch=epoch)


def write_trained(path: Path, checkpoint: Checkpoint, *, epoch: int) -> None:
    """Write the checkpoint's model as safetensors.

    The metadata include step, epoch and, with validation, its top-1; and `ema_decay` if the weights
    are averaged.

    Args:
        path: File to write.
        checkpoint: Model and metadata.
        epoch: Number of epochs that the model was trained for.

    Raises:
        OSError: The disk is full.
    """
    noted = {
        **checkpoint.facts,
        "format": FORMAT,
        "config": checkpoint.config,
        "step": checkpoint.step,
        "best": checkpoint.best,
    }
    facts = {"step": str(checkpoint.step), "epoch": str(epoch)}
    decay = checkpoint.config.get("train", {}).get("ema_decay")
    if decay is not None:
        facts["ema_decay"] = f"{decay:g}"
    if "top1" in checkpoint.best:
        facts["top1"] = f"{checkpoint.best['top1']:.6g}"
    write_safetensors(path, checkpoint.model, {SIDECAR: json.dumps(noted), **facts})


def settings_in(checkpoint: Checkpoint, path: Path) -> PretrainConfig | FinetuneConfig:
    """Validate the settings in a checkpoint; raises ArtifactError if they do not fit its stage."""
    return parse_settings(checkpoint.config, checkpoint.stage, path)


def load_trained(path: Path) -> Checkpoint:
    """Load an avme checkpoint, or an avme safetensors file as one without optimizer state.

    Raises ArtifactError for other files.
    """
    if path.suffix != ".safetensors":
        return load_checkpoint(path)
    stored = read_file(path)
    if stored.form != "avme":
        raise ArtifactError(
            f"{path} was not written by `avme pretrain` or `avme finetune`: give it with --init"
        )
    facts = {key: value for key, value in stored.facts.items() if key not in ("step", "best")}
    try:
        require_weights(stored.tensors, "it")
    except ValueError as error:
        raise ArtifactError(f"{path} cannot be used: {error}") from error
    return Checkpoint(
        stage="pretrain" if "decoder.mask_token" in stored.tensors else "finetune",
        config=stored.config,
        facts=facts,
        step=int(stored.facts.get("step") or 0),
        model=stored.tensors,
        best=stored.facts.get("best") or {},
    )
