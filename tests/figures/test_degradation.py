from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from avme.figures import degradation
from avme.figures.degradation import Band, Panel, draw_degradation


def band(start: float, slope: float) -> Band:
    mean = start - slope * np.arange(6)
    return Band(mean, mean - 0.03, mean + 0.03)


def panel(real_slope: float = 0.02, null_slope: float = 0.12) -> Panel:
    curves = band(0.9, real_slope), band(0.88, null_slope)
    return Panel(tuple(range(6)), *curves, "mean gain +30.0 (25.1 to 34.2)")


def colored(path: Path) -> float:
    pixels = imread(path)[..., :3]
    return float((np.ptp(pixels, axis=-1) > 0.3).mean())


@pytest.mark.slow
def test_draw_degradation_draws_a_panel_for_each_kind(tmp_path: Path) -> None:
    one, five = tmp_path / "one.png", tmp_path / "five.png"

    draw_degradation(one, {"blur": panel()}, "set, split 1: av classifier")
    draw_degradation(five, {f"kind{n}": panel() for n in range(5)}, "set, split 1")

    assert colored(one) > 0
    assert imread(five).shape[0] > imread(one).shape[0]  # two rows
    assert imread(five).shape[1] > imread(one).shape[1]


def test_draw_degradation_legend_has_the_names_of_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(degradation, "save_png", lambda figure, *_, **__: drawn.append(figure))

    draw_degradation(tmp_path / "a.png", {"blur": panel()}, "t")

    legend = drawn[0].axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["real audio", "null audio"]


def test_draw_degradation_shows_a_gap_where_audio_helps(tmp_path: Path) -> None:
    apart, equal = tmp_path / "apart.png", tmp_path / "equal.png"

    draw_degradation(apart, {"blur": panel()}, "t")
    same = band(0.9, 0.02)
    draw_degradation(equal, {"blur": Panel(tuple(range(6)), same, same, "no gain")}, "t")

    def orange(path: Path) -> int:
        pixels = imread(path)[..., :3]
        return int(((pixels[..., 0] > 0.9) & (pixels[..., 2] < 0.2)).sum())

    assert orange(apart) > 0
    assert orange(equal) >= 0.5 * orange(apart)  # drawn on top of the other, not left out
