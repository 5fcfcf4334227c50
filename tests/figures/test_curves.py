"""Training curves."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from avme.figures.curves import draw_curves

LINES = [
    {"kind": "train", "step": 10, "loss": 2.0},
    {"kind": "validation", "step": 10, "epoch": 1, "top1": 0.2, "loss": 2.1},
    {"kind": "train", "step": 20, "loss": 1.0},
    {"kind": "validation", "step": 20, "epoch": 2, "top1": 0.6, "loss": 1.2},
]


def coloured(path: Path) -> float:
    pixels = imread(path)[..., :3]
    return float((np.ptp(pixels, axis=-1) > 0.3).mean())


@pytest.mark.slow
def test_draw_curves_adds_a_curve_per_fine_tuning(tmp_path: Path) -> None:
    draw_curves(tmp_path / "none.png", LINES, {}, "demo")
    draw_curves(tmp_path / "two.png", LINES, {"v": LINES, "av": LINES[:2]}, "demo", {"chance": 0.1})

    assert coloured(tmp_path / "none.png") == 0.0
    assert coloured(tmp_path / "two.png") > 0.0


def test_runs_that_logged_nothing_yet_are_drawn_as_empty_axes(tmp_path: Path) -> None:
    draw_curves(tmp_path / "a.png", [], {"av": []}, "demo")

    assert (tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.slow
def test_probes_of_a_pretraining_are_drawn_beside_its_loss(tmp_path: Path) -> None:
    probe = {"kind": "validation", "step": 20, "epoch": 2, "knn_visual": 0.3, "knn_fused": 0.5}
    lines = [LINES[0], {**probe, "step": 10, "knn_fused": 0.2}, LINES[2], probe]

    draw_curves(tmp_path / "none.png", [LINES[0], LINES[2]], {}, "demo")
    draw_curves(tmp_path / "probe.png", lines, {}, "demo")

    assert coloured(tmp_path / "none.png") == 0.0
    assert coloured(tmp_path / "probe.png") > 0.0
