"""Fixtures of the planted sets: each is written once, and its classifier trained once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.config import EvalConfig
from avme.io.atomic import read_json
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme.stages.finetune import finetune
from tests.planted import truths
from tests.planted.prepared import write_dataset
from tests.planted.recipes import RECIPES

_CLIPS = {
    "leak": truths.leak_clips,
    "donor": truths.leak_clips,
    "xor": truths.xor_clips,
    "when": truths.when_clips,
    "motion": truths.motion_clips,
}


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], PreparedDataset]:
    """Writes a planted set, at the first call for it; not to be changed."""
    folder = tmp_path_factory.mktemp("planted")
    written: dict[str, PreparedDataset] = {}

    def get(name: str) -> PreparedDataset:
        if name not in written:
            written[name] = write_dataset(folder / name, _CLIPS[name](), truths.FPS)
        return written[name]

    return get


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, planted: Callable[[str], PreparedDataset]
) -> Callable[[str], Path]:
    """Trains the classifier of a planted set, at the first call for it; not to be changed."""
    folder = tmp_path_factory.mktemp("planted-runs")

    def get(name: str) -> Path:
        run = folder / name
        if not run.exists():
            finetune(RECIPES[name], data=planted(name).folder, out=run, init=None)
        return run

    return get


@pytest.fixture(scope="session")
def judged(
    tmp_path_factory: pytest.TempPathFactory,
    planted: Callable[[str], PreparedDataset],
    trained: Callable[[str], Path],
) -> Callable[[str], dict[str, Any]]:
    """Returns controls.json of the classifier of a planted set, scored at the first call."""
    folder = tmp_path_factory.mktemp("planted-eval")
    config = EvalConfig(topk=(1,), segments=1, crops=1, num_workers=0, device="cpu", controls=True)

    def get(name: str) -> dict[str, Any]:
        out = folder / name
        if not out.exists():
            evaluate(trained(name), data=planted(name).folder, config=config, out=out)
        return read_json(out / "controls.json")

    return get
