"""Trained model that is ready for inference: network, settings, classes and MFCC statistics."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import MismatchError
from avme.features.network import load_network
from avme.inference.decoded_part import Statistics
from avme.inference.file_windows import FileWindows
from avme.inference.media_window import ViewOptions
from avme.models.build import Network
from avme.models.classifier import Classifier
from avme.train.distributed.process_group import pick_device, pick_precision

Precision = Literal["auto", "bf16", "fp16", "fp32"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Trained model on a device, in evaluation mode."""

    file: Path
    """File of its weights."""
    network: Network
    settings: PretrainConfig | FinetuneConfig
    classes: tuple[str, ...]
    """Classes of the head's rows; empty for an autoencoder."""
    statistics: Statistics
    """Mean and deviation of the MFCC in its training; 0 and 1 for weights of another origin."""
    facts: dict[str, Any]
    """Metadata of the weights."""
    warnings: tuple[str, ...]
    """Warnings about the weights."""
    device: torch.device
    precision: torch.dtype

    def windows(self, path: Path | str, options: ViewOptions | None = None) -> FileWindows:
        """Return the windows of a media file as this model receives them.

        Args:
            path: Media file.
            options: Windows and crops.

        Raises:
            UsageError: It is no file.
            MediaError: It is no readable video.
        """
        return FileWindows(Path(path), self.settings.clip, self.statistics, options)


def load_model(
    path: Path | str, device: str | None = None, precision: Precision | None = None
) -> Model:
    """Load a trained model, with everything that it needs.

    Args:
        path: Run of `avme finetune` or `avme pretrain`, one of its checkpoints or exported weights,
            or published weights of VideoMAE.
        device: `auto`, `cpu` or `cuda`; None for auto.
        precision: `auto`, `bf16`, `fp16` or `fp32`; None for auto.

    Raises:
        ArtifactError: The file is missing, damaged, or its run is unfinished.
        MismatchError: The weights are an encoder alone, or do not name their classes.
        SystemRequirementError: The machine lacks the device.
    """
    chosen = pick_device(device or "auto")
    loaded = load_network(Path(path))
    weights, settings = loaded.weights, loaded.settings
    if isinstance(loaded.model, Classifier) and not weights.classes:
        raise MismatchError(
            f"{weights.file} does not name its {weights.num_classes} classes: fine-tune from it "
            "with `avme finetune --init`, or score it with `avme eval --init --classes FILE`"
        )
    num_cepstra = settings.model.audio.num_cepstra
    return Model(
        file=weights.file,
        network=loaded.model.to(chosen).eval(),
        settings=settings,
        classes=weights.classes,
        statistics=weights.facts.get("mfcc")
        or {"mean": num_cepstra * [0.0], "deviation": num_cepstra * [1.0]},
        facts=weights.facts,
        warnings=weights.warnings,
        device=chosen,
        precision=pick_precision(precision or "auto", chosen),
    )
