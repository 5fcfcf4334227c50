"""Strict loading of weights of any form, by avme's names.

Missing, unexpected or misshapen tensors are errors that name them. Dropped without an error are
only positions that equal the closed form, and key biases, which have no effect.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import ValidationError
from torch import Tensor

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.dotted_keys import flatten, nest
from avme.config.validation_errors import describe_first_fault
from avme.errors import ArtifactError, ConfigError, MismatchError
from avme.io.hashing import sha256_of
from avme.message_text import one_line, some_of
from avme.models.autoencoder import MaskedAutoencoder, grid_of
from avme.models.build import shapes_only
from avme.models.classifier import Modality, build_classifier
from avme.weights.checkpoint_files import StoredWeights, read_file
from avme.weights.class_names import names_in, read_class_names, require_same_rows
from avme.weights.infer_config import geometry_of
from avme.weights.key_mapping import Form, KeyRule, Shape, Stage, expand_biases, rule_for
from avme.weights.position_tables import position_tables
from avme.weights.stored_settings import parse_settings
from avme.weights.tensor_files import SIDECAR

_LINEAGE: Final = ("dataset", "fingerprint", "train_list_sha256", "split", "step", "init")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedWeights:
    """Tensors of a model by avme's names, in single precision, and the settings that they fix."""

    file: Path
    form: Form
    wrapping: str
    stage: Stage
    modality: Modality
    tensors: dict[str, Tensor]
    leaves: dict[str, Any]
    """Dotted model settings that follow from the tensors."""
    window: tuple[int, int]
    """Frames and pixels of training, or VideoMAE's if the file does not state them."""
    grid: tuple[int, int, int]
    """Slots, rows and columns of the trained positions."""
    num_classes: int
    classes: tuple[str, ...]
    """Empty if the file names none."""
    pool: str
    config: dict[str, Any]
    """Metadata: Hugging Face's config.json, or all settings of avme."""
    facts: dict[str, Any]
    dropped: tuple[str, ...]
    warnings: tuple[str, ...]
    stored_as: dict[str, int]
    """Number of tensors by precision in the file."""
    parts: tuple[Path, ...] = ()
    """Shards, if `file` is their index."""
    checksum: str = "none"
    """Kind of checksum in the file."""

    @property
    def preset(self) -> str:
        """Preset that suits them."""
        by_width = {384: "small", 768: "base", 1024: "large"}
        return str(self.facts.get("preset", by_width.get(self.leaves["model.visual.dim"], "base")))

    @property
    def stride(self) -> int | None:
        """Frame stride in training, if the file states it."""
        noted = self.config.get("clip") or self.config.get(SIDECAR)
        stride = noted.get("frame_stride") if isinstance(noted, Mapping) else None
        return stride if isinstance(stride, int) and stride > 0 else None

    def settings(self) -> dict[str, Any]:
        """Return the default settings for a stage that starts from these weights."""
        frames, size = self.window
        clip = {"clip.num_frames": frames, "clip.image_size": size}
        if self.stride is not None:
            clip["clip.frame_stride"] = self.stride
        return nest(self.leaves | clip | {"model.pos_embed_grid": list(self.grid)})

    def origin(self) -> dict[str, Any]:
        """Return the provenance for a run; avme's files include the lists they were trained on."""
        mine: dict[str, Any] = {key: self.facts[key] for key in _LINEAGE if key in self.facts}
        if self.facts.get("pretrained"):
            mine["pretrained"] = self.facts["pretrained"]
        return {"form": self.form, "sha256": self.sha256()} | mine

    def sha256(self) -> str:
        """Return the hash of the file; for shards, the hash of their hashes."""
        if not self.parts:
            return sha256_of(self.file)
        return hashlib.sha256("".join(map(sha256_of, self.parts)).encode()).hexdigest()


def read_weights(path: Path, classes: Path | None = None) -> ImportedWeights:
    """Load the weights in a file or folder; the file `classes` names the rows of their head.

    Raises:
        ArtifactError: The file cannot be read completely.
        MismatchError: Not a model of avme, or names that contradict the file's own.
    """
    stored = read_file(path)
    weights = _ours(stored) if stored.form == "avme" else _foreign(stored)
    if classes is None:
        return weights
    if weights.form == "avme" and weights.classes:
        raise MismatchError(f"{weights.file} names its classes itself: leave {classes} out")
    if not weights.num_classes:
        raise MismatchError(f"{weights.file} has no head that {classes} could name the rows of")
    names, warnings = read_class_names(classes, weights.num_classes), weights.warnings
    if weights.classes and names != weights.classes:
        require_same_rows(weights.file, weights.classes, classes, names)
        warnings = (
            *warnings,
            f"the names in {classes} replace those that belong to {weights.file}",
        )
    return replace(weights, classes=names, warnings=warnings)


def _foreign(stored: StoredWeights) -> ImportedWeights:
    tensors, dropped = expand_biases(stored.tensors)
    stored = replace(stored, tensors=tensors)
    try:
        geometry = geometry_of(stored)
        grid, shapes = geometry.grid(), geometry.shapes()
        sizes = {"visual": geometry.visual, "decoder": geometry.decoder}
    except (ArtifactError, ConfigError, ValueError, TypeError) as error:
        raise ArtifactError(f"{stored.file}: {_fault(error)}") from error
    tables = position_tables(stored.file, tensors, geometry)
    stage, pool = geometry.stage, geometry.norms.pool
    rules = [rule_for(own, stored.form, stage, geometry.kernel, pool) for own in shapes]
    kept = {name: tensor for name, tensor in tensors.items() if name not in tables}
    return ImportedWeights(
        file=stored.file,
        form=stored.form,
        wrapping=stored.wrapping,
        stage=stage,
        modality="v",
        tensors=_translate(stored.file, kept, rules, shapes),
        leaves=flatten({"model": sizes}),
        window=(geometry.num_frames, geometry.size),
        grid=(grid.slots, grid.rows, grid.columns),
        num_classes=geometry.num_classes,
        classes=names_in(stored.config, geometry.num_classes) if geometry.num_classes else (),
        pool=pool,
        config=stored.config,
        facts={},
        dropped=(*dropped, *tables),
        warnings=(*stored.warnings, *geometry.warnings),
        stored_as=_precisions(stored.tensors),
        parts=stored.parts,
        checksum=stored.checksum,
    )


def _ours(stored: StoredWeights) -> ImportedWeights:
    stage: Stage = "pretrain" if "decoder.mask_token" in stored.tensors else "finetune"
    config = parse_settings(stored.config, stage, stored.file)
    num_classes, head = 0, stored.tensors.get("head.weight")
    if stage == "finetune":
        num_classes = 1 if head is None or head.ndim != 2 else len(head)
    classes = tuple(stored.facts.get("classes", ()))
    if classes and len(classes) != num_classes:
        raise ArtifactError(
            f"{stored.file} names {len(classes)} classes, its head has {num_classes} rows: copy it "
            "again, or take another checkpoint of its run"
        )
    with shapes_only():
        model = (
            MaskedAutoencoder(config.model, config.clip)
            if isinstance(config, PretrainConfig)
            else build_classifier(config, num_classes)
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    rules = [rule_for(own, "avme", stage) for own in shapes]
    grid = grid_of(config.model, config.clip)
    parts = {"visual"} | {name.partition(".")[0] for name in shapes}
    parts |= {"fusion"} if "audio" in parts else set()
    sizes = config.model.model_dump(mode="json")
    return ImportedWeights(
        file=stored.file,
        form="avme",
        wrapping=stored.wrapping,
        stage=stage,
        modality=config.modality if isinstance(config, FinetuneConfig) else "av",
        tensors=_translate(stored.file, stored.tensors, rules, shapes),
        leaves=flatten({"model": {part: sizes[part] for part in sizes if part in parts}}),
        window=(config.clip.num_frames, config.clip.image_size),
        grid=config.model.pos_embed_grid or (grid.slots, grid.rows, grid.columns),
        num_classes=num_classes,
        classes=classes,
        pool=config.head.pool if isinstance(config, FinetuneConfig) else "mean",
        config=config.model_dump(mode="json"),
        facts=stored.facts,
        dropped=(),
        warnings=stored.warnings,
        stored_as=_precisions(stored.tensors),
        checksum=stored.checksum,
    )


def _translate(
    file: Path, tensors: Mapping[str, Tensor], rules: Sequence[KeyRule], shapes: Mapping[str, Shape]
) -> dict[str, Tensor]:
    used = [name for rule in rules for name in rule.theirs]
    _refuse(file, "lacks", [name for name in used if name not in tensors])
    _refuse(file, "holds unexpected", [name for name in tensors if name not in set(used)])
    own: dict[str, Tensor] = {}
    for rule in rules:
        parts = [tensors[name] for name in rule.theirs]
        wanted = rule.to_theirs(torch.empty(shapes[rule.own], device="meta"))
        for name, part, like in zip(rule.theirs, parts, wanted, strict=True):
            if part.shape != like.shape:
                raise ArtifactError(
                    f"{file}: {name} is {tuple(part.shape)}, expected {tuple(like.shape)}"
                )
            if not part.is_floating_point() or not part.isfinite().all():
                found = part.dtype if not part.is_floating_point() else "not finite"
                raise ArtifactError(f"{file}: {name} is {found}, expected finite real numbers")
        own[rule.own] = rule.to_own(parts).float().contiguous()
    return own


def _refuse(file: Path, what: str, names: Sequence[str]) -> None:
    if names:
        raise ArtifactError(f"{file} {what} {some_of(names)}")


def _precisions(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    names = [str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()]
    return {name: names.count(name) for name in sorted(set(names))}


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return describe_first_fault(error)
    return one_line(error)
