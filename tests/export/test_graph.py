"""Graphs for export equal the models that they are made from, without a data-dependent branch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from avme.export.graph import build_graph
from avme.export.parity import require_parity
from avme.export.sample_inputs import sample_inputs
from avme.features.network import TrainedNetwork, load_network


def load(path: Path) -> TrainedNetwork:
    trained = load_network(path)
    trained.model.eval()
    return trained


@pytest.mark.parametrize(
    ("settings", "pretrain", "inputs", "output"),
    [
        ({}, False, ("frames", "mfcc", "audio_valid"), "logits"),
        (
            {"head.unimodal_weight": 1.0, "head.residual": True},
            False,
            ("frames", "mfcc", "audio_valid"),
            "logits",
        ),
        ({"modality": "v", "model.fusion.kind": "none"}, False, ("frames",), "logits"),
        ({"modality": "a", "head.norm": "batch"}, False, ("mfcc", "audio_valid"), "logits"),
        ({}, True, ("frames", "mfcc", "audio_valid"), "features"),
        ({"model.fusion.kind": "none"}, True, ("frames",), "features"),
    ],
)
def test_graph_of_each_modality_equals_its_model(
    make_checkpoint: Callable[..., Path],
    settings: dict[str, Any],
    pretrain: bool,
    inputs: tuple[str, ...],
    output: str,
) -> None:
    trained = load(make_checkpoint(settings, pretrain=pretrain))
    graph = build_graph(trained.model)

    worst = require_parity(
        lambda given: graph(*given).detach(), trained.model, trained.settings, graph.inputs
    )

    assert (graph.inputs, graph.output) == (inputs, output)
    assert worst <= 1e-5


def test_graph_of_clip_without_audio_ignores_its_mfcc(classifier: Path) -> None:
    trained = load(classifier)
    graph = build_graph(trained.model)
    frames, mfcc, valid = sample_inputs(graph.inputs, trained.settings, 2, "none")

    assert torch.equal(graph(frames, mfcc, valid), graph(frames, mfcc + 5.0, valid))
    assert not torch.allclose(graph(frames, mfcc, valid), graph(frames, mfcc, ~valid))
