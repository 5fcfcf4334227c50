"""What is told of a run is true, and telling it does not change the run."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from avme.config import PretrainConfig
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics
from avme.train.metrics.metric_meter import MEASURED

pytestmark = pytest.mark.slow


def test_log_every_leaves_training_unchanged(
    finished: PreparedDataset,
    pretrained: Path,
    make_pretrain_config: Callable[..., PretrainConfig],
    tmp_path: Path,
) -> None:
    run = pretrain(make_pretrain_config(log_every=5), data=finished.folder, out=tmp_path / "run")

    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (run, pretrained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_audio_encoder_gradient_is_zero_at_the_first_step_only(pretrained: Path) -> None:
    """The audio half of the bridge is zero then: the model starts as VideoMAE."""
    norms = [line["grad_norm_audio"] for line in read_metrics(pretrained / "metrics.jsonl")]

    assert norms[0] == 0.0
    assert all(norm > 0.0 for norm in norms[1:])


def test_metrics_line_has_times_gradients_and_attention(finetuned: Path) -> None:
    lines = read_metrics(finetuned / "metrics.jsonl")
    line = next(line for line in lines if line["kind"] == "train")

    assert set(MEASURED) - set(line) == {"mfu"}  # a CPU has no peak in the table
    assert {f"grad_norm_{part}" for part in ("visual", "audio", "fusion", "head")} <= set(line)
    assert 0.0 < line["entropy_visual_from_audio"] <= 1.0
    assert line["data_wait_ms"] + line["device_ms"] <= line["step_ms"]
