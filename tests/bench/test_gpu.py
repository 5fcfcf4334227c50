"""The benchmark for GPUs runs on a CPU too: one command, one page of Markdown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
_SMALL = (
    "clip.num_frames=4", "clip.frame_stride=2", "clip.image_size=32", "model.visual.dim=32",
    "model.decoder.dim=16", "model.decoder.heads=2", "optim.warmup_epochs=0", "train.num_workers=0",
)  # fmt: skip


def test_gpu_command_writes_a_page_about_this_device(
    prepared: PreparedDataset, start: Callable[..., Any], tmp_path: Path
) -> None:
    sets = [part for one in _SMALL for part in ("--set", one)]
    line = f"{prepared.folder} --device cpu --preset tiny --batches 2 --rounds 1 --steps 1 --eager"

    more = ["--peak-tflops", "0.01", "--out", str(tmp_path), *sets]

    made = start([str(_SCRIPT), *line.split(), *more], cwd=tmp_path)

    assert made.wait() == 0, made.said
    (page,) = tmp_path.glob("gpu-*.md")
    rows = [line.split(" | ") for line in page.read_text().splitlines() if line.startswith("| ")]
    steps = {row[1]: row for row in rows if row[0] == "| eager"}
    assert list(steps) == ["transformers", "avme", "avme, half decoded", "avme with audio"]
    assert all(float(row[3]) > 0 for row in steps.values())
    assert float(steps["avme"][6]) > 0
    (run,) = (row for row in rows if row[0] == "| 2")
    assert 0 <= float(run[4]) <= 100
