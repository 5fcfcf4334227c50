"""Position tables in weight files: dropped if equal to the closed form, refused otherwise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from avme.errors import ArtifactError, MismatchError
from avme.models.layers.pos_embed import sine_cosine_table
from avme.weights.checkpoint_files import read_file
from avme.weights.infer_config import Geometry, geometry_of
from avme.weights.position_tables import position_tables

VISUAL = "videomae.embeddings.position_embeddings"
DECODER = "position_embeddings"
FILE = Path("x.pth")


@pytest.fixture
def geometry(tmp_path: Path, make_theirs: Any, save_as: Callable[..., Path]) -> Geometry:
    """Sizes of an encoder of width 32 and a decoder of width 16 on 2 x 4 x 4 tokens."""
    model: nn.Module = make_theirs()
    return geometry_of(read_file(save_as(model, "hf q_bias", tmp_path)))


def test_position_tables_of_closed_form_are_found_for_both_towers(geometry: Geometry) -> None:
    tables = {VISUAL: sine_cosine_table(32, 32)[None], DECODER: sine_cosine_table(32, 16)}

    assert position_tables(FILE, tables, geometry) == [VISUAL, DECODER]
    assert position_tables(FILE, {"other": torch.zeros(3)}, geometry) == []


def test_position_tables_in_half_precision_are_accepted(geometry: Geometry) -> None:
    table = sine_cosine_table(32, 32)[None].half()

    assert position_tables(FILE, {VISUAL: table}, geometry) == [VISUAL]


@pytest.mark.parametrize(
    ("table", "error", "line"),
    [
        (sine_cosine_table(32, 32) + 0.1, MismatchError, "was learned"),
        (sine_cosine_table(32, 32).flip(0), MismatchError, "was learned"),
        (sine_cosine_table(31, 32)[None], ArtifactError, r"is \(1, 31, 32\), expected \(1, 32, 32"),
        (sine_cosine_table(32, 16), ArtifactError, r"is \(32, 16\), expected \(1, 32, 32\)"),
    ],
)
def test_position_tables_of_other_values_or_shape_are_refused(
    table: Tensor, error: type[Exception], line: str, geometry: Geometry
) -> None:
    with pytest.raises(error, match=f"^x.pth: {VISUAL} {line}"):
        position_tables(FILE, {VISUAL: table}, geometry)
