"""Classifiers that learned a planted truth, from scratch."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import EvalConfig
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate

pytestmark = pytest.mark.slow
PLAIN = EvalConfig(topk=(1,), segments=1, crops=1, num_workers=0, device="cpu")


@pytest.mark.parametrize("name", ["leak", "xor", "when", "motion"])
def test_finetune_learns_the_planted_truth(
    name: str,
    planted: Callable[[str], PreparedDataset],
    trained: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    summary = evaluate(
        trained(name), data=planted(name).folder, config=PLAIN, out=tmp_path / "eval"
    ).summary

    assert summary["top1"] >= 0.95
