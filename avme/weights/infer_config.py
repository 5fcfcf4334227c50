"""Model configuration inferred from the shapes of a file's tensors.

Shapes do not show the number of heads: it is VideoMAE's for the width, or read from the metadata.
VideoMAE's files do not state their window: it is 16 frames of 224 pixels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from torch import Tensor

from avme.config import ClipConfig, DecoderConfig, FusionConfig, ModelConfig, VisualConfig
from avme.config.clip import check_extent
from avme.errors import ArtifactError
from avme.models.autoencoder import MaskedAutoencoder, grid_of
from avme.models.build import shapes_only
from avme.models.classifier import Classifier, Pool
from avme.models.masking import Grid
from avme.weights.checkpoint_files import StoredWeights
from avme.weights.key_mapping import Shape, Stage, depth_of, rule_for

_HEADS: Final = {384: 6, 768: 12, 1024: 16, 1280: 16, 1408: 16}
_DECODER_HEADS: Final = {192: 3, 384: 6, 512: 8, 640: 8}
_SMALL_MISTAKEN: Final = (384, 16)
"""Width and heads in Hugging Face's configuration of ViT-S, which was trained with 6 heads."""


@dataclass(frozen=True, slots=True)
class Norms:
    """Layer norms at the end of the encoder."""

    final: bool
    """Norm of every token, after the last block."""
    pooled: bool
    """Norm of the pooled token."""
    pool: Pool = "mean"
    """Pooling method."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Video model: a masked autoencoder without fusion, a classifier, or the encoder alone."""

    stage: Stage
    visual: Mapping[str, int | float | str]
    """embed, dim, depth, mlp_ratio, patch_size, tubelet_size, final_norm and, if known, heads."""
    decoder: Mapping[str, int | float]
    """The same for the decoder; empty without one."""
    num_classes: int
    """0 without a head."""
    num_frames: int
    size: int
    norms: Norms
    warnings: tuple[str, ...] = ()

    @property
    def kernel(self) -> tuple[int, int]:
        """Frames and side of a tubelet."""
        return int(self.visual["tubelet_size"]), int(self.visual["patch_size"])

    def grid(self) -> Grid:
        """Return the token grid of the window."""
        config, clip = self._model_config(), self._clip()
        check_extent(clip, config)
        return grid_of(config, clip)

    def shapes(self) -> dict[str, Shape]:
        """Return the shapes of all tensors of such a model, by avme's names."""
        config, clip = self._model_config(), self._clip()
        with shapes_only():
            model = (
                MaskedAutoencoder(config, clip)
                if self.decoder
                else Classifier(config, clip, max(1, self.num_classes), "v")
            )
        shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        if self.stage != "encoder":
            return shapes
        norm = {f"visual.{name}": s for name, s in shapes.items() if name.startswith("norm.")}
        absent = ("head.",) if self.norms.pooled else ("head.", "norm.")
        shapes = {name: s for name, s in shapes.items() if not name.startswith(absent)}
        return shapes | norm if self.norms.final else shapes

    def _model_config(self) -> ModelConfig:
        decoder = DecoderConfig()
        if self.decoder:
            decoder = DecoderConfig.model_validate({**self.decoder, "heads": 1})
        return ModelConfig(
            visual=VisualConfig.model_validate({**self.visual, "heads": 1}),
            fusion=FusionConfig(kind="none", heads=1),
            decoder=decoder,
        )

    def _clip(self) -> ClipConfig:
        return ClipConfig(num_frames=self.num_frames, image_size=self.size)


def geometry_of(stored: StoredWeights) -> Geometry:
    """Infer the configuration; raises ArtifactError if a required tensor is missing."""
    names, config = stored.tensors, stored.config
    stage = _stage_of(names)
    norms = _norms_of(stored, stage)

    def shape(own: str, axes: int) -> Shape:
        name = rule_for(own, stored.form, stage).theirs[0]
        return _shape(names, name, axes)

    dim, colours, tubelet, patch, width = shape("visual.embedding.linear.weight", 5)
    if colours != 3 or patch != width:
        raise ArtifactError(
            f"the patch kernel is {(dim, colours, tubelet, patch, width)}, expected 3 colours and "
            "square patches"
        )
    if config.get("hidden_act", "gelu") != "gelu":
        raise ArtifactError(f"hidden_act is {config['hidden_act']}, VideoMAE has gelu")
    visual: dict[str, int | float | str] = {
        "dim": dim,
        "depth": _depth("visual", stored),
        "mlp_ratio": _ratio(shape("visual.blocks.0.mlp.first.weight", 2)[0], dim),
        "patch_size": patch,
        "tubelet_size": tubelet,
        "embed": "linear",
        "positions": "flat",
        "final_norm": norms.final if stage == "pretrain" else True,
    }
    heads, warnings = _heads(config.get("num_attention_heads"), dim)
    if heads:
        visual["heads"] = heads
    decoder: dict[str, int | float] = {}
    if stage == "pretrain":
        inner = shape("decoder.bridge.weight", 2)[0]
        decoder = {
            "dim": inner,
            "depth": _depth("decoder", stored),
            "mlp_ratio": _ratio(shape("decoder.blocks.0.mlp.first.weight", 2)[0], inner),
        }
        given = config.get("decoder_num_attention_heads") or _DECODER_HEADS.get(inner)
        if given:
            decoder["heads"] = int(given)
    return Geometry(
        stage,
        visual,
        decoder,
        shape("head.weight", 2)[0] if stage == "finetune" else 0,
        int(config.get("num_frames") or 16),
        _side(config.get("image_size"), patch),
        norms,
        warnings,
    )


def _stage_of(names: Mapping[str, Tensor]) -> Stage:
    decodes = {"mask_token", "encoder_to_decoder.weight"} & names.keys()
    if decodes or any(name.startswith("decoder.") for name in names):
        return "pretrain"
    heads = {"head.weight", "head.bias", "classifier.weight", "classifier.bias"}
    return "finetune" if heads & names.keys() else "encoder"


def _norms_of(stored: StoredWeights, stage: Stage) -> Norms:
    """Return the norms by config.json, else by the tensors.

    VideoMAE's own pretraining files always have the final norm.
    """
    names, column = stored.tensors, 0 if stored.form == "official" else 1
    last, pooled = (
        any(f"{name}.{leaf}" in names for leaf in ("weight", "bias"))
        for name in (("norm", "videomae.layernorm")[column], "fc_norm")
    )
    if stored.form == "official":
        final = stage == "pretrain" or last
    else:
        final = (
            not stored.config["use_mean_pooling"] if "use_mean_pooling" in stored.config else last
        )
    if stage == "finetune":
        pool: Pool = "first" if final and not (stored.form == "official" and pooled) else "mean"
        return Norms(final=False, pooled=True, pool=pool)
    return Norms(final=final, pooled=pooled and stage == "encoder")


def _depth(tower: Literal["visual", "decoder"], stored: StoredWeights) -> int:
    depth = depth_of(tower, stored.tensors, stored.form)
    if depth > len(stored.tensors):
        raise ArtifactError(f"block {depth - 1} of {tower} is named, most before it are missing")
    return depth


def _heads(configured: Any, dim: int) -> tuple[int | None, tuple[str, ...]]:
    known = _HEADS.get(dim)
    if known and (dim, configured) == _SMALL_MISTAKEN:
        return known, (
            "config.json has 16 heads at width 384, an error of its converter: VideoMAE's ViT-S "
            "was trained with 6, which are used; if yours was trained with 16 after conversion, "
            "set model.visual.heads=16",
        )
    if not configured and not known:
        return None, ("the file does not record its number of heads: that of the settings is used",)
    return (int(configured) if configured else known), ()


def _shape(tensors: Mapping[str, Tensor], name: str, axes: int) -> Shape:
    if name not in tensors:
        raise ArtifactError(f"{name} is missing, which a VideoMAE has")
    shape = tuple(tensors[name].shape)
    if len(shape) != axes or 0 in shape:
        raise ArtifactError(f"{name} is {shape}, expected {axes} dimensions")
    return shape


def _ratio(inner: int, dim: int) -> float:
    """Return a ratio whose product with `dim` is `inner`, also after rounding down."""
    ratio = inner / dim
    return ratio if int(dim * ratio) == inner else math.nextafter(ratio, math.inf)


def _side(image_size: Any, patch: int) -> int:
    if isinstance(image_size, list | tuple):
        if len(set(image_size)) != 1:
            raise ArtifactError(f"image_size is {list(image_size)}, expected square frames")
        image_size = image_size[0]
    return int(image_size or 224 // patch * patch or patch)
