"""A trained model of ours with all that is known of it, as a checkpoint or as safetensors.

The safetensors file holds settings, classes, statistics and the hashes of data and lists in its
metadata, so that it can be moved.
"""

import json
from pathlib import Path

from pydantic import ValidationError

from avme.checkpoint.file import Checkpoint, load_checkpoint
from avme.checkpoint.schema import require_weights
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.validation_errors import describe_first_fault
from avme.errors import ArtifactError
from avme.weights.checkpoint_files import read_file
from avme.weights.tensor_files import write_safetensors
from avme.weights.tensor_hash import SIDECAR


def export_run(run: Path, last: Checkpoint, epoch: int, best: Path) -> None:
    """weights.safetensors of a run: the model in the file `best`, or without validation the last,
    which was trained for `epoch` epochs."""
    chosen = last
    if last.best and best.is_file():
        chosen, epoch = load_checkpoint(best), int(last.best.get("epoch", epoch))
    write_trained(run / "weights.safetensors", chosen, epoch=epoch)


def write_trained(path: Path, checkpoint: Checkpoint, *, epoch: int) -> None:
    """The checkpoint's model as safetensors; step, epoch and, where clips were held out, the top-1
    on them are in the metadata, for people too; so is `ema_decay` where the weights are averaged.

    `epoch` counts those that the model was trained for. Raises OSError where the disk is full.
    """
    noted = {
        **checkpoint.facts,
        "config": checkpoint.config,
        "step": checkpoint.step,
        "best": checkpoint.best,
    }
    told = {"step": str(checkpoint.step), "epoch": str(epoch)}
    decay = checkpoint.config.get("train", {}).get("ema_decay")
    if decay is not None:
        told["ema_decay"] = f"{decay:g}"
    if "top1" in checkpoint.best:
        told["top1"] = f"{checkpoint.best['top1']:.6g}"
    write_safetensors(path, checkpoint.model, {SIDECAR: json.dumps(noted), **told})


def settings_in(checkpoint: Checkpoint, path: Path) -> PretrainConfig | FinetuneConfig:
    """The settings in a checkpoint; raises ArtifactError where they are not those of its stage."""
    model = PretrainConfig if checkpoint.stage == "pretrain" else FinetuneConfig
    try:
        return model.model_validate(checkpoint.config)
    except ValidationError as error:
        raise ArtifactError(
            f"the settings in {path} are not those of avme {checkpoint.stage}: "
            f"{describe_first_fault(error)}"
        ) from error


def load_trained(path: Path) -> Checkpoint:
    """A checkpoint of ours, or a safetensors file of ours as one without optimiser.

    Raises ArtifactError where it is neither.
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
