"""torch.export program files (.pt2) with a dynamic batch size."""

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from avme.export.graph import ExportGraph
from avme.export.parity import Runner

METADATA: Final = "avme.json"
"""Name of the metadata in the file."""
BATCH: Final = "batch"


def dynamic_shapes(graph: ExportGraph) -> dict[str, dict[int, Any]]:
    """Return the dynamic axes of a graph: the first of every input."""
    batch = torch.export.Dim(BATCH)
    return {name: {0: batch} for name in graph.inputs}


def write_program(
    graph: ExportGraph, inputs: tuple[Tensor, ...], path: Path, metadata: str
) -> None:
    """Write the graph as a program.

    Args:
        graph: Graph in evaluation mode, on the CPU.
        inputs: Sample inputs of several clips.
        path: File to write.
        metadata: Text stored in the file.
    """
    with torch.no_grad():
        program = torch.export.export(graph, inputs, dynamic_shapes=dynamic_shapes(graph))
    torch.export.save(program, path, extra_files={METADATA: metadata})


def open_program(path: Path) -> Runner:
    """Load a program file that avme wrote."""
    module = torch.export.load(path).module()

    def run(inputs: tuple[Tensor, ...]) -> Tensor:
        with torch.no_grad():
            found: Tensor = module(*inputs)
        return found

    return run


def read_metadata(path: Path) -> str:
    """Return the metadata of a program file."""
    found = {METADATA: ""}
    torch.export.load(path, extra_files=found)
    return found[METADATA]
