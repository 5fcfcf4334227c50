"""Parts of a summary that are known before scoring."""

from typing import Any

import torch

from avme.config import EvalConfig
from avme.config.train import AudioProtocol
from avme.evaluation.modality import ScoredModality
from avme.evaluation.seen_clips import without_content
from avme.io.hashing import list_sha256
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.weights.load_classifier import TrainedClassifier


def describe_evaluation(
    config: EvalConfig,
    trained: TrainedClassifier,
    prepared: PreparedDataset,
    split: str,
    entries: tuple[ClipEntry, ...],
) -> dict[str, Any]:
    """Return the identity of dataset, list and checkpoint.

    Args:
        config: Settings of the evaluation.
        trained: Classifier.
        prepared: Dataset.
        split: Name of the split.
        entries: Clips to score.
    """
    weights, facts = trained.weights, trained.weights.facts
    return {
        "protocol": trained.settings.train.protocol,
        "dataset": prepared.name,
        "fingerprint": prepared.fingerprint,
        "split": split,
        "list": config.list,
        "subset": config.subset,
        "list_sha256": list_sha256(entry.id for entry in entries),
        "trained_on_split": facts.get("split"),
        "classes": len(trained.classes),
        "seed": trained.settings.train.seed if facts else None,
        "train_list_sha256": facts.get("train_list_sha256"),
        "pretrained": without_content(facts.get("pretrained")),
        "checkpoint": {
            "path": str(weights.file),
            "sha256": weights.sha256(),
            "form": weights.form,
            "step": facts.get("step"),
            "best_by_validation": facts.get("best", {}),
        },
    }


def describe_inputs(
    config: EvalConfig, modality: ScoredModality, protocol: AudioProtocol, precision: torch.dtype
) -> dict[str, Any]:
    """Return what the classifier gets: modality, audio, frames, views and precision.

    Args:
        config: Settings of the evaluation.
        modality: Modality that is scored.
        protocol: Protocol of the training, which may replace the audio of clips.
        precision: Type of the computation.
    """
    is_replaced = modality.audio == "real" and protocol not in ("all", "audio-only")
    return {
        "modality": modality.modality,
        "trained_modality": modality.trained,
        "audio": "protocol" if is_replaced else modality.audio,
        "frames": modality.frames,
        "controls": config.controls,
        "control_seed": config.control_seed,
        "views": {
            "segments": config.segments,
            "crops": 1 if modality.modality == "a" else config.crops,
        },
        "precision": str(precision).removeprefix("torch."),
    }


def count_undecodable(
    config: EvalConfig, prepared: PreparedDataset, split: str, protocol: AudioProtocol
) -> int | None:
    """Return the clips of the list that prep could not decode; None if clips count by audio.

    Args:
        config: Settings of the evaluation.
        prepared: Dataset.
        split: Name of the split.
        protocol: Protocol of the training.
    """
    if config.subset != "all" or protocol == "audio-only":
        return None
    return int(prepared.manifest["splits"][split][f"{config.list}_quarantined"])
