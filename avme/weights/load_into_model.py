"""Loading of weights into a model, with a report of loaded, skipped and fresh tensors.

A fused autoencoder that starts from a video-only one is VideoMAE at its first step: the bridge gets
zeros for the audio half, and `prenorm` passes the visual half through unchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from avme.checkpoint.file import Checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.dotted_keys import flatten
from avme.errors import MismatchError
from avme.message_text import some_of
from avme.models.autoencoder import MaskedAutoencoder, grid_of
from avme.models.classifier import Classifier
from avme.models.fusion import TalkNetFusion
from avme.progress import Reporter
from avme.weights.head import end_for
from avme.weights.load import ImportedWeights

_BRIDGE: Final = "decoder.bridge.weight"
_FEW: Final = 2
_CLASSIFIER_ONLY: Final = ("norm.", "head.", "unimodal.")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Report of tensor names, avme's except for those that were dropped on reading."""

    mapped: tuple[str, ...]
    dropped: tuple[str, ...]
    new: tuple[str, ...]
    warnings: tuple[str, ...]

    def lines(self) -> list[str]:
        """Format the report."""
        return [
            f"mapped {len(self.mapped)} tensors: {by_part(self.mapped)}",
            f"dropped {len(self.dropped)}: {by_part(self.dropped)}",
            f"newly initialized {len(self.new)}: {by_part(self.new)}",
            *self.warnings,
        ]


def by_part(names: Sequence[str]) -> str:
    """Count names by part: `visual 148, decoder 41`; small parts are named in full."""
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(name.partition(".")[0], []).append(name)
    said = [
        ", ".join(members) if len(members) <= _FEW else f"{part} {len(members)}"
        for part, members in parts.items()
    ]
    return ", ".join(said) or "none"


def load_into(
    model: MaskedAutoencoder | Classifier, weights: ImportedWeights, classes: Sequence[str] = ()
) -> LoadReport:
    """Copy the weights into the model.

    Args:
        model: Model to fill.
        weights: Loaded weights.
        classes: Classes of the model, in row order of its head.

    Raises:
        MismatchError: A required tensor is missing or has another shape.
    """
    own = model.state_dict()
    given = dict(weights.tensors)
    warnings = list(weights.warnings)
    given = {name: t for name, t in given.items() if not name.startswith(_CLASSIFIER_ONLY)}
    if isinstance(model, Classifier):
        end, told = end_for(model, weights, classes)
        given |= end
        warnings += told
    if _BRIDGE in given and _BRIDGE in own:
        given[_BRIDGE] = _bridge(given[_BRIDGE], own[_BRIDGE], warnings)
    if isinstance(model.fusion, TalkNetFusion) and "fusion" not in _parts(weights):
        warnings.append("fusion talknet does not start as VideoMAE: only prenorm and concat do")
    new = [name for name in own if name not in given]
    _require_expected(new, model, weights)
    mapped = [name for name in own if name in given]
    for name in mapped:
        if given[name].shape != own[name].shape:
            raise MismatchError(
                f"{weights.file}: {name} is {tuple(given[name].shape)}, the model that is set has "
                f"{tuple(own[name].shape)}: leave the model's settings to the weights"
            )
    model.load_state_dict({name: given[name] for name in mapped}, strict=False)
    dropped = [*weights.dropped, *(name for name in weights.tensors if name not in mapped)]
    return LoadReport(tuple(mapped), tuple(dropped), tuple(new), tuple(warnings))


def require_geometry(settings: PretrainConfig | FinetuneConfig, weights: ImportedWeights) -> None:
    """Raise MismatchError if the settings ask for another video model than the weights'.

    Positions that the weights do not cover are an error too.
    """
    asked = flatten(settings.model_dump(mode="json"))
    decodes = isinstance(settings, PretrainConfig)
    fixed = ("model.visual.", "model.decoder.") if decodes else ("model.visual.",)
    differing = [
        f"{key} is {value} there, {asked[key]} here"
        for key, value in weights.leaves.items()
        if key.startswith(fixed) and asked[key] != value and not _is_in_doubt(key, weights)
    ]
    if differing:
        raise MismatchError(
            f"the settings contradict {weights.file}: {some_of(differing, separator='; ')}; leave "
            "them out, or start from other weights"
        )
    grid = grid_of(settings.model, settings.clip)
    window, known = (grid.slots, grid.rows, grid.columns), weights.grid
    if settings.model.pos_embed_grid is None and window != known:
        raise MismatchError(
            f"{weights.file} has positions on {known[0]} x {known[1]} x {known[2]} places, the "
            f"window has {window[0]} x {window[1]} x {window[2]}: set model.pos_embed_grid to the "
            "first to stretch them, or to what the weights were really trained on"
        )


def _is_in_doubt(key: str, weights: ImportedWeights) -> bool:
    """Return True for the heads of ViT-S, where Hugging Face states another number than trained
    with."""
    told = weights.config.get("num_attention_heads", weights.leaves.get(key))
    return key == "model.visual.heads" and told != weights.leaves[key]


def _bridge(theirs: Tensor, own: Tensor, warnings: list[str]) -> Tensor:
    """Return the columns for the visual half, and zeros or nothing for the audio half."""
    dim = theirs.shape[1]
    if own.shape[1] == 2 * dim:
        warnings.append(f"{_BRIDGE}: the video half is copied, the audio half is zero")
        return torch.cat([theirs, torch.zeros_like(theirs)], dim=1)
    if 2 * own.shape[1] == dim:
        warnings.append(f"{_BRIDGE}: its audio half was dropped")
        return theirs[:, : own.shape[1]]
    return theirs


def _parts(weights: ImportedWeights) -> set[str]:
    return {name.partition(".")[0] for name in weights.tensors}


def _require_expected(
    new: Sequence[str], model: MaskedAutoencoder | Classifier, weights: ImportedWeights
) -> None:
    """Check that only expected tensors are fresh.

    These are parts that VideoMAE does not have, the classifier's end, and the norm of an encoder
    that was fine-tuned or saved without one.
    """
    fresh = {"audio", "fusion"} - _parts(weights)
    if isinstance(model, Classifier):
        fresh |= {"norm", "head", "unimodal"}
    normless = isinstance(model, Classifier) and weights.stage != "pretrain"
    missing = [
        name
        for name in new
        if name.partition(".")[0] not in fresh
        and not (normless and name.startswith("visual.norm."))
    ]
    if missing:
        kind = "pretrained autoencoder" if isinstance(model, MaskedAutoencoder) else "visual tower"
        raise MismatchError(
            f"{weights.file} ({weights.form}, {weights.stage}) lacks {missing[0]} and "
            f"{len(missing) - 1} more that the model needs: expected a {kind}"
        )


def start_from(model: Classifier, start: Checkpoint | None, report: Reporter) -> None:
    """Copy every common part; only the pooled norms and the heads start fresh.

    Args:
        model: Classifier.
        start: Checkpoint of the pretraining.
        report: Receives the list of copied parts.

    Raises:
        MismatchError: The checkpoint lacks a part or its shapes differ.
    """
    if start is None:
        report.log("no pretrained weights: training from scratch")
        return
    own = model.state_dict()
    wanted = [name for name in own if not name.startswith(_CLASSIFIER_ONLY)]
    missing = [name for name in wanted if name not in start.weights]
    if missing:
        raise MismatchError(
            f"the checkpoint has no {missing[0]} ({len(missing)} of {len(wanted)} tensors are "
            "missing): choose a --modality that it was pretrained for, or --from scratch"
        )
    for name in wanted:
        found = start.weights[name]
        if found.shape != own[name].shape or found.dtype != own[name].dtype:
            raise MismatchError(
                f"{name} is {tuple(found.shape)} of {found.dtype} in the checkpoint, expected "
                f"{tuple(own[name].shape)} of {own[name].dtype}: keep the pretrain run's model "
                "settings"
            )
    model.load_state_dict({name: start.weights[name] for name in wanted}, strict=False)
    used = {name.split(".")[0] for name in wanted}
    unused = sorted({name.split(".")[0] for name in start.weights} - used)
    report.log(
        f"{len(wanted)} tensors from the {start.stage} checkpoint at step {start.step}; "
        f"not used: {', '.join(unused) or 'none'}"
    )
