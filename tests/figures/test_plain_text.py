"""Figures show names letter by letter, whatever they hold, and chatter about none of them."""

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from avme.figures.confusion import draw_confusion
from avme.figures.contents import draw_classes, draw_lengths
from avme.figures.curves import draw_curves
from avme.figures.plain_text import shown_name
from avme.figures.reconstruction import Cell, ClipRow, draw_reconstruction, paint_reconstruction

pytestmark = pytest.mark.slow

NAMES = [
    "costs $5 and $6",
    r"$\frac$",
    "$x^2^2$",
    "射箭",
    "\x1b[2J\x00",
    "a\nb\r",
    "\u202e\u2028",
    "half \udcff",
    "x" * 5000,
    "",
]
STATES = {state: np.array([3, 4]) for state in ("audible", "silent", "none")}
CELL = Cell(np.full((2, 16, 16, 3), 128, dtype=np.uint8))
LINES = [{"kind": "train", "step": 1, "loss": 1.0}, {"kind": "validation", "step": 1, "top1": 0.5}]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_figures_are_drawn_with_any_name(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    title = f"{name[:300]}, split 1"
    names, cells = [name, "other"], (CELL, CELL)
    rows = [ClipRow(name, cells)]

    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        draw_confusion(tmp_path / "1.png", np.eye(2, dtype=np.int64), names, title)
        draw_classes(tmp_path / "2.png", names, {"train": STATES}, title)
        draw_curves(tmp_path / "3.png", LINES, {f"run {name}": LINES}, title, {"chance": 0.5})
        draw_reconstruction(tmp_path / "4.png", rows, ("truth", "made"), "a note", title)
        pixels = paint_reconstruction(rows, ("truth", "made"), "a note", title)

    assert (pixels < 200).any()
    for number in range(1, 5):
        assert (imread(tmp_path / f"{number}.png")[..., :3] < 0.8).any()
    assert caplog.records == []


def test_dollars_are_drawn(tmp_path: Path) -> None:
    """As a formula, `$iii$` would have no more ink than its letters."""

    def ink_of(title: str) -> int:
        draw_lengths(tmp_path / "a.png", {"audible": np.array([1.0, 2.0])}, title)
        return int((imread(tmp_path / "a.png")[:40, :, :3].min(axis=-1) < 0.5).sum())

    assert ink_of("$iii$") > ink_of("iii") + 40


def test_shown_name_of_long_name_is_shortened() -> None:
    assert shown_name("x" * 41) == "x" * 37 + "..."
    assert shown_name("x" * 40) == "x" * 40


def test_plain_text_with_unwritable_home_prints_nothing() -> None:
    gone = {"MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}
    env = {name: value for name, value in os.environ.items() if name not in gone}

    done = subprocess.run(
        [sys.executable, "-c", "import avme.figures.title"],
        env=env | {"HOME": "/proc/nobody"},  # not even root makes a folder there
        capture_output=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == (b"", b"")
