"""ONNX files: named inputs, a named batch axis, metadata inside."""

from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from avme.export.graph import build_graph
from avme.export.onnx_file import open_onnx, read_metadata, write_onnx
from avme.export.parity import require_parity
from avme.export.sample_inputs import sample_inputs
from avme.features.network import load_network

pytestmark = pytest.mark.slow


def test_onnx_of_a_pretraining_equals_its_model_in_any_batch(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    trained = load_network(make_checkpoint({"model.visual.embed": "conv"}, pretrain=True))
    trained.model.eval()
    graph, file = build_graph(trained.model), tmp_path / "model.onnx"

    write_onnx(graph, sample_inputs(graph.inputs, trained.settings, 3, "mixed"), file, "é{}")

    assert require_parity(open_onnx(file), trained.model, trained.settings, graph.inputs) <= 1e-5
    assert read_metadata(file) == "é{}"
    session = onnxruntime.InferenceSession(str(file))
    assert {given.name: (given.type, given.shape) for given in session.get_inputs()} == {
        "frames": ("tensor(uint8)", ["batch", 4, 16, 16, 3]),
        "mfcc": ("tensor(float)", ["batch", 32, 13]),
        "audio_valid": ("tensor(bool)", ["batch", 32]),
    }
    assert [(made.name, made.shape) for made in session.get_outputs()] == [
        ("features", ["batch", 32])
    ]
