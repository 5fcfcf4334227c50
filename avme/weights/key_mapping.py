"""Names and layouts of every tensor of the video model, in each file format.

avme's names are those of `MaskedAutoencoder` without fusion and of `Classifier` with modality `v`.
A rule works in both directions, so that exported files can be read.

Shape letters: d and e channels, c colors, u frames, p and q rows and columns of a tubelet.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from einops import rearrange
from torch import Tensor

from avme.errors import ArtifactError

Form = Literal["official", "huggingface", "avme"]
Stage = Literal["pretrain", "finetune", "encoder"]
"""`encoder`: the video encoder alone, without decoder and head."""
Shape = tuple[int, ...]

_FIXED: Final[Mapping[str, tuple[str, str]]] = {
    "visual.embedding.linear": (
        "patch_embed.proj",
        "videomae.embeddings.patch_embeddings.projection",
    ),
    "visual.norm": ("norm", "videomae.layernorm"),
    "decoder.bridge": ("encoder_to_decoder", "encoder_to_decoder"),
    "decoder.mask_token": ("mask_token", "mask_token"),
    "decoder.norm": ("decoder.norm", "decoder.norm"),
    "decoder.head": ("decoder.head", "decoder.head"),
    "norm": ("fc_norm", "fc_norm"),
    "head": ("head", "classifier"),
}
_FIRST_TOKEN_NORM: Final = ("norm", "videomae.layernorm")
"""`norm` of a classifier that pools the first token: in these files it comes before the pooling."""
_TOWERS: Final[Mapping[str, tuple[str, str]]] = {
    "visual": ("blocks", "videomae.encoder.layer"),
    "decoder": ("decoder.blocks", "decoder.decoder_layers"),
}
_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "norm1": ("norm1", "layernorm_before"),
    "attention.qkv": ("attn.qkv", ""),
    "attention.q_bias": ("attn.q_bias", "attention.attention.q_bias"),
    "attention.v_bias": ("attn.v_bias", "attention.attention.v_bias"),
    "attention.out": ("attn.proj", "attention.output.dense"),
    "norm2": ("norm2", "layernorm_after"),
    "mlp.first": ("mlp.fc1", "intermediate.dense"),
    "mlp.last": ("mlp.fc2", "output.dense"),
}
_WRAPPER_PREFIXES: Final = ("_orig_mod.", "module.", "backbone.", "model.", "_forward_module.")
_BLOCK: Final = re.compile(r"(visual|decoder)\.blocks\.(\d+)\.(.+?)(\.weight|\.bias)?")
_KEY_BIAS: Final = re.compile(r".*\.attention\.attention\.key\.bias")
_OTHER_BIAS: Final = re.compile(r"(.*\.attention\.attention\.)(query|value)\.bias")


@dataclass(frozen=True, slots=True)
class KeyRule:
    """Mapping of one avme tensor to the tensors of a file."""

    own: str
    theirs: tuple[str, ...]
    kernel: tuple[int, int] | None = None
    """Frames and side of a tubelet, if the file holds the kernel of a Conv3d."""

    def to_own(self, tensors: Sequence[Tensor]) -> Tensor:
        """Convert the file's tensors to avme's."""
        if self.kernel is not None:
            return rearrange(tensors[0], "d c u p q -> d (u p q c)")
        if self.own == "decoder.mask_token" and tensors[0].ndim == 3:
            return tensors[0].flatten()
        return torch.cat(list(tensors)) if len(tensors) > 1 else tensors[0]

    def to_theirs(self, tensor: Tensor) -> list[Tensor]:
        """Convert avme's tensor to the file's; on meta tensors this gives their shapes."""
        if self.kernel is not None:
            frames, side = self.kernel
            sizes = {"u": frames, "p": side, "q": side}
            return [rearrange(tensor, "d (u p q c) -> d c u p q", **sizes)]
        if self.own == "decoder.mask_token" and self.theirs[0] != self.own:
            return [tensor[None, None]]
        return list(tensor.chunk(len(self.theirs)))


def rule_for(
    own: str, form: Form, stage: Stage, kernel: tuple[int, int] = (1, 1), pool: str = "mean"
) -> KeyRule:
    """Return the rule of one avme tensor.

    Args:
        own: avme's name.
        form: File format.
        stage: Part of the model in the file.
        kernel: Frames and side of a tubelet.
        pool: Pooling method.
    """
    if form == "avme":
        return KeyRule(own, (own,))
    column = 0 if form == "official" else 1
    inside = "encoder." if form == "official" and stage == "pretrain" else ""
    block = _BLOCK.fullmatch(own)
    if block is None:
        stem, dot, leaf = (own, "", "") if own in _FIXED else own.rpartition(".")
        before = inside if own.startswith("visual.") else ""
        names = _FIRST_TOKEN_NORM if stem == "norm" and pool == "first" else _FIXED[stem]
        name = f"{before}{names[column]}{dot}{leaf}"
        return KeyRule(own, (name,), kernel if own == "visual.embedding.linear.weight" else None)
    tower, index, part, leaf = block[1], block[2], block[3], block[4] or ""
    before = f"{inside if tower == 'visual' else ''}{_TOWERS[tower][column]}.{index}."
    if form == "huggingface" and part == "attention.qkv":
        parts = ("query", "key", "value")
        return KeyRule(own, tuple(f"{before}attention.attention.{p}{leaf}" for p in parts))
    return KeyRule(own, (f"{before}{_PARTS[part][column]}{leaf}",))


def depth_of(tower: Literal["visual", "decoder"], names: Iterable[str], form: Form) -> int:
    """Count the blocks of a tower by the tensor names of a file; 0 without any.

    Args:
        tower: Encoder or decoder.
        names: Tensor names.
        form: File format.
    """
    column = 0 if form == "official" else 1
    stem = re.escape(_TOWERS[tower][column])
    pattern = re.compile(rf"(?:encoder\.)?{stem}\.(\d+)\..*")
    found = [int(match[1]) for name in names if (match := pattern.fullmatch(name))]
    return max(found, default=-1) + 1


def expand_biases(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Unify Hugging Face's three spellings of biases, and add the omitted key biases.

    A key bias adds the same to every logit of a query, so that the softmax cancels it. Raises
    ArtifactError if a file has two spellings of one bias.
    """
    spelt: dict[str, Tensor] = {}
    dropped: list[str] = []
    for name, tensor in tensors.items():
        if _KEY_BIAS.fullmatch(name):
            dropped.append(name)
            continue
        other = _OTHER_BIAS.fullmatch(name)
        mine = f"{other[1]}{other[2][0]}_bias" if other else name
        if mine in spelt or (other and mine in tensors):
            raise ArtifactError(f"{name} and {mine} are two spellings of one bias: expected one")
        spelt[mine] = tensor
    return spelt, dropped


def wrapper_prefix(names: Collection[str]) -> str | None:
    """Return a prefix of all names that is not part of a model, as of a compiled or DDP model.

    None without one. A bare encoder has another.
    """
    bare = "encoder.patch_embed.proj.weight" in names
    for prefix in (*_WRAPPER_PREFIXES, "encoder.") if bare else _WRAPPER_PREFIXES:
        if names and all(name.startswith(prefix) for name in names):
            return prefix
    return None
