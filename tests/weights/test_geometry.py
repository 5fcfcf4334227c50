"""Sizes follow from shapes; heads and window from what stands beside them, or from VideoMAE."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from avme.errors import ArtifactError
from avme.weights.files import Stored
from avme.weights.geometry import geometry_of


def stored(dim: int, inner: int, depth: int = 1, **config: Any) -> Stored:
    """A fine-tuned file of which only the telling tensors are there."""
    tensors: dict[str, Tensor] = {
        "patch_embed.proj.weight": torch.empty(dim, 3, 2, 16, 16, device="meta"),
        "head.weight": torch.empty(7, dim, device="meta"),
    }
    for index in range(depth):
        tensors[f"blocks.{index}.mlp.fc1.weight"] = torch.empty(inner, dim, device="meta")
    return Stored(
        file=Path("x.pth"), form="official", tensors=tensors, wrapping="bare", config=config
    )


@pytest.mark.parametrize(
    ("dim", "inner", "heads"),
    [(384, 1536, 6), (768, 3072, 12), (1024, 4096, 16), (1280, 5120, 16), (1408, 6144, 16)],
)
def test_every_published_size_has_its_heads_and_its_mlp(dim: int, inner: int, heads: int) -> None:
    geometry = geometry_of(stored(dim, inner))

    assert geometry.visual["heads"] == heads
    assert geometry.shapes()["visual.blocks.0.mlp.first.weight"] == (inner, dim)
    assert (geometry.num_frames, geometry.size, geometry.num_classes) == (16, 224, 7)
    assert geometry.grid().tokens == 1568


def test_an_unknown_width_without_heads_is_remarked_on() -> None:
    geometry = geometry_of(stored(96, 384))

    assert "heads" not in geometry.visual
    assert "does not say how many heads" in geometry.remarks[0]
    assert geometry_of(stored(96, 384, num_attention_heads=3)).visual["heads"] == 3


def test_blocks_far_beyond_the_others_are_refused() -> None:
    file = stored(96, 384)
    file.tensors["blocks.999999999.norm1.bias"] = torch.empty(96, device="meta")

    with pytest.raises(ArtifactError, match="block 999999999 of visual"):
        geometry_of(file)


@pytest.mark.parametrize(
    ("config", "line"),
    [({"hidden_act": "relu"}, "hidden_act is relu"), ({"image_size": [224, 448]}, "square")],
)
def test_what_no_videomae_has_is_refused(config: dict[str, Any], line: str) -> None:
    with pytest.raises(ArtifactError, match=line):
        geometry_of(stored(96, 384, **config))
