"""Metadata of an exported model: all that its inputs need, and its origin."""

from typing import Any

from avme import __version__
from avme.audio.mfcc import SAMPLE_RATE_HZ, describe_recipe
from avme.config import FinetuneConfig
from avme.config.clip import ROWS_PER_FRAME
from avme.evaluation.seen_clips import without_content
from avme.export.graph import ExportGraph
from avme.export.initial_weights import describe_license
from avme.features.network import TrainedNetwork
from avme.models.classifier import Classifier
from avme.models.tubelets import IMAGENET_DEVIATION, IMAGENET_MEAN


def describe_export(trained: TrainedNetwork, graph: ExportGraph, kind: str) -> dict[str, Any]:
    """Return the content of export.json, without the result of the comparison.

    Args:
        trained: Exported model.
        graph: Its graph.
        kind: Format.
    """
    weights, settings = trained.weights, trained.settings
    has_frames, has_audio = "frames" in graph.inputs, "mfcc" in graph.inputs
    return {
        "avme": __version__,
        "format": kind,
        "stage": weights.stage,
        "modality": settings.modality if isinstance(settings, FinetuneConfig) else None,
        "checkpoint": {
            "sha256": weights.sha256(),
            "form": weights.form,
            "step": weights.facts.get("step"),
        },
        "training": _training(trained),
        "initial_weights": describe_license(weights),
        "inputs": describe_inputs(trained, graph),
        "outputs": _outputs(trained, graph),
        "frames": _frames(trained) if has_frames else None,
        "audio": _audio(trained) if has_audio else None,
        "classes": list(weights.classes),
    }


def describe_inputs(trained: TrainedNetwork, graph: ExportGraph) -> dict[str, Any]:
    """Return type, shape and meaning of each input of the graph."""
    clip = trained.settings.clip
    side, rows = clip.image_size, clip.span_rows
    known = {
        "frames": {
            "dtype": "uint8",
            "shape": ["batch", clip.num_frames, side, side, 3],
            "meaning": "RGB, 0 to 255, not normalized: the model subtracts mean and divides by std",
        },
        "mfcc": {
            "dtype": "float32",
            "shape": ["batch", rows, trained.settings.model.audio.num_cepstra],
            "meaning": "(MFCC - mean) / deviation of `audio`; zero where audio_valid is false",
        },
        "audio_valid": {
            "dtype": "bool",
            "shape": ["batch", rows],
            "meaning": "true for rows with audio; all false for a clip without audio",
        },
    }
    return {name: known[name] for name in graph.inputs}


def _outputs(trained: TrainedNetwork, graph: ExportGraph) -> dict[str, Any]:
    model = trained.model
    if isinstance(model, Classifier):
        meaning = "logits; softmax gives probabilities, in the order of `classes`"
        return {graph.output: _output(model.head.out_features, meaning)}
    width = trained.settings.model.visual.dim * (2 if model.fusion is not None else 1)
    return {graph.output: _output(width, "mean token of the deepest stage, as `avme embed`")}


def _output(width: int, meaning: str) -> dict[str, Any]:
    return {"dtype": "float32", "shape": ["batch", width], "meaning": meaning}


def _frames(trained: TrainedNetwork) -> dict[str, Any]:
    clip = trained.settings.clip
    return {
        "num_frames": clip.num_frames,
        "frame_stride": clip.frame_stride,
        "span_frames": clip.span_frames,
        "image_size": clip.image_size,
        "crop": "square of the full short side from the center, then bilinear resize with "
        "antialiasing",
        "mean": list(IMAGENET_MEAN),
        "std": list(IMAGENET_DEVIATION),
        "normalized_in_model": True,
        "stride_is_recorded": trained.weights.stride is not None,
    }


def _audio(trained: TrainedNetwork) -> dict[str, Any]:
    cepstra = trained.settings.model.audio.num_cepstra
    return {
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "rows_per_source_frame": ROWS_PER_FRAME,
        "rows": trained.settings.clip.span_rows,
        "mfcc": describe_recipe(cepstra),
        **trained.weights.facts.get(
            "mfcc", {"mean": [0.0] * cepstra, "deviation": [1.0] * cepstra}
        ),
    }


def _training(trained: TrainedNetwork) -> dict[str, Any]:
    facts = trained.weights.facts
    names = ("preset", "dataset", "fingerprint", "split", "train_list_sha256", "protocol")
    found: dict[str, Any] = {name: facts.get(name) for name in names}
    for earlier in ("init", "pretrained"):
        if facts.get(earlier):
            found[earlier] = without_content(facts[earlier])
    return found
