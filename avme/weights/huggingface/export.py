"""config.json and preprocessor_config.json of Hugging Face, for weights of any form."""

from collections.abc import Mapping
from typing import Any, Final

from avme.models.layers.blocks import NORM_EPS
from avme.models.tubelets import IMAGENET_DEVIATION, IMAGENET_MEAN
from avme.weights.key_mapping import Stage
from avme.weights.load import ImportedWeights
from avme.weights.settings import target_is_normalized
from avme.weights.tensor_files import SIDECAR

_ARCHITECTURES: Final[Mapping[Stage, str]] = {
    "pretrain": "VideoMAEForPreTraining",
    "finetune": "VideoMAEForVideoClassification",
    "encoder": "VideoMAEModel",
}
_BILINEAR: Final = 2
"""Pillow's number of the bilinear filter."""


def huggingface_config(weights: ImportedWeights) -> dict[str, Any]:
    """Return config.json; the norms' epsilon is VideoMAE's, which Hugging Face's own files lack."""
    visual, (frames, size) = _sizes(weights, "visual"), weights.window
    config: dict[str, Any] = {
        "architectures": [_ARCHITECTURES[weights.stage]],
        "model_type": "videomae",
        "num_frames": frames,
        "image_size": size,
        "patch_size": visual["patch_size"],
        "num_channels": 3,
        "tubelet_size": visual["tubelet_size"],
        "hidden_size": visual["dim"],
        "num_hidden_layers": visual["depth"],
        "num_attention_heads": visual["heads"],
        "intermediate_size": int(visual["dim"] * visual["mlp_ratio"]),
        "layer_norm_eps": NORM_EPS,
        "qkv_bias": True,
        "use_mean_pooling": _pools_the_mean(weights),
    }
    if weights.stride is not None:
        config[SIDECAR] = {"frame_stride": weights.stride}
    if weights.stage == "pretrain":
        decoder = _sizes(weights, "decoder")
        return config | {
            "decoder_hidden_size": decoder["dim"],
            "decoder_num_hidden_layers": decoder["depth"],
            "decoder_num_attention_heads": decoder["heads"],
            "decoder_intermediate_size": int(decoder["dim"] * decoder["mlp_ratio"]),
            "norm_pix_loss": target_is_normalized(weights),
        }
    if weights.stage == "encoder":
        return config
    names = weights.classes or tuple(f"LABEL_{index}" for index in range(weights.num_classes))
    return config | {
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
    }


def preprocessor_config(weights: ImportedWeights) -> dict[str, Any]:
    """Return preprocessor_config.json.

    Shorter side resized to the window's size, center crop, and ImageNet's mean and deviation, where
    Hugging Face's default is 0.5 for both.
    """
    size = weights.window[1]
    return {
        "image_processor_type": "VideoMAEImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": size},
        "resample": _BILINEAR,
        "do_center_crop": True,
        "crop_size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(IMAGENET_MEAN),
        "image_std": list(IMAGENET_DEVIATION),
    }


def _pools_the_mean(weights: ImportedWeights) -> bool:
    """Return use_mean_pooling; with it transformers also drops the norm after the last block."""
    if weights.stage == "finetune":
        return weights.pool == "mean"
    return not any(name.startswith("visual.norm.") for name in weights.tensors)


def _sizes(weights: ImportedWeights, part: str) -> dict[str, Any]:
    prefix = f"model.{part}."
    return {
        key.removeprefix(prefix): value
        for key, value in weights.leaves.items()
        if key.startswith(prefix)
    }
