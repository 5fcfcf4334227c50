"""torch.export files: any batch size, metadata inside."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.export.graph import build_graph
from avme.export.parity import require_parity
from avme.export.program import open_program, read_metadata, write_program
from avme.export.sample_inputs import sample_inputs
from avme.features.network import load_network

pytestmark = pytest.mark.slow


def test_program_of_all_parts_equals_its_model_in_any_batch(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    settings = {
        "model.visual.embed": "conv",
        "model.fusion.variant": "talknet",
        "head.norm": "batch",
        "head.pool": "max",
    }
    trained = load_network(make_checkpoint(settings))
    trained.model.eval()
    graph, file = build_graph(trained.model), tmp_path / "model.pt2"

    write_program(graph, sample_inputs(graph.inputs, trained.settings, 3, "mixed"), file, "é{}")

    assert require_parity(open_program(file), trained.model, trained.settings, graph.inputs) <= 1e-5
    assert read_metadata(file) == "é{}"
