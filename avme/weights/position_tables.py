"""Position tables in weight files: only VideoMAE's fixed sine-cosine positions are supported.

The model computes its own; a table equal to the closed form is dropped, any other is refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from avme.errors import ArtifactError, MismatchError
from avme.models.layers.pos_embed import sine_cosine_table
from avme.weights.infer_config import Geometry

_TABLES: Final = {
    "encoder.pos_embed": "visual",
    "pos_embed": "visual",
    "videomae.embeddings.position_embeddings": "visual",
    "decoder.pos_embed": "decoder",
    "position_embeddings": "decoder",
}


def position_tables(file: Path, tensors: Mapping[str, Tensor], geometry: Geometry) -> list[str]:
    """Return the names of the position tables in a file.

    Args:
        file: Weight file.
        tensors: Its tensors.
        geometry: Inferred sizes.

    Raises:
        ArtifactError: A table has another shape.
        MismatchError: A table was learned.
    """
    sizes = {"visual": geometry.visual, "decoder": geometry.decoder}
    found = [name for name, tower in _TABLES.items() if name in tensors and sizes[tower]]
    for name in found:
        _require_closed_form(file, name, tensors[name], geometry)
    return found


def _require_closed_form(file: Path, name: str, table: Tensor, geometry: Geometry) -> None:
    dim = int((geometry.visual if _TABLES[name] == "visual" else geometry.decoder)["dim"])
    wanted = (geometry.grid().tokens, dim)
    if tuple(table.shape) not in (wanted, (1, *wanted)):
        raise ArtifactError(f"{file}: {name} is {tuple(table.shape)}, expected {(1, *wanted)}")
    if not torch.allclose(table.float().view(wanted), sine_cosine_table(*wanted), atol=2e-3):
        raise MismatchError(
            f"{file}: {name} was learned, avme has only VideoMAE's fixed sine-cosine positions: "
            "these weights cannot be used"
        )
