"""ONNX files with a dynamic batch size, by torch's exporter; ONNX Runtime reads them."""

import io
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from avme.export.graph import ExportGraph
from avme.export.parity import Runner
from avme.export.program import dynamic_shapes

METADATA: Final = "avme"
"""Key of the metadata in the file."""


def write_onnx(graph: ExportGraph, inputs: tuple[Tensor, ...], path: Path, metadata: str) -> None:
    """Write the graph as ONNX; weights that are too large for it go to a file beside it.

    Args:
        graph: Graph in evaluation mode, on the CPU.
        inputs: Sample inputs of several clips.
        path: File to write.
        metadata: Text stored in the file.
    """
    with torch.no_grad(), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of the exporter, about its own versions
        program: Any = torch.onnx.export(
            graph,
            inputs,
            dynamo=True,
            verbose=False,
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_shapes=dynamic_shapes(graph),
        )
    program.model.metadata_props[METADATA] = metadata
    program.save(path)


def open_onnx(path: Path) -> Runner:
    """Load an ONNX file on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(inputs: tuple[Tensor, ...]) -> Tensor:
        arrays = (tensor.numpy() for tensor in inputs)
        return torch.from_numpy(session.run(None, dict(zip(names, arrays, strict=True)))[0])

    return run


def read_metadata(path: Path) -> str:
    """Return the metadata of an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return str(session.get_modelmeta().custom_metadata_map[METADATA])
