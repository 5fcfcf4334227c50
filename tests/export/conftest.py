"""Checkpoints of untrained models with random weights, for tests of the exported files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from avme.checkpoint.file import Checkpoint, save_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.dotted_keys import nest
from avme.models.build import build_model

TINY = {
    "clip.num_frames": 4,
    "clip.frame_stride": 2,
    "clip.image_size": 16,
    "model.visual.dim": 16,
    "model.visual.depth": 1,
    "model.visual.heads": 2,
    "model.visual.patch_size": 8,
    "model.audio.widths": (4, 4, 4, 8),
    "model.audio.blocks": (1, 1, 1, 1),
    "model.fusion.heads": 2,
    "model.decoder.dim": 8,
    "model.decoder.depth": 1,
    "model.decoder.heads": 2,
}
CLASSES = ("Archery", "<b>`|Bowling", "*Cliff*")


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a checkpoint of a model without training; keywords are dotted settings and facts."""

    def make(
        settings: dict[str, Any] | None = None,
        facts: dict[str, Any] | None = None,
        *,
        pretrain: bool = False,
    ) -> Path:
        stage = "pretrain" if pretrain else "finetune"
        leaves = TINY | ({"mask.ratio": 0.75} if pretrain else {}) | (settings or {})
        kind = PretrainConfig if pretrain else FinetuneConfig
        config: PretrainConfig | FinetuneConfig = kind.model_validate(nest(leaves))
        torch.manual_seed(1)
        model = build_model(config, len(CLASSES))
        for weight in model.parameters():  # zero initial layers would hide errors
            weight.data.add_(0.1 * torch.randn_like(weight))
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)
        noted = {"mfcc": {"mean": [0.5] * 13, "deviation": [2.0] * 13}}
        known = noted | ({} if pretrain else {"classes": list(CLASSES)}) | (facts or {})
        path = tmp_path_factory.mktemp("checkpoint") / "model.pt"
        dumped = config.model_dump(mode="json")
        save_checkpoint(
            path,
            Checkpoint(stage=stage, config=dumped, facts=known, step=7, model=model.state_dict()),
        )
        return path

    return make


@pytest.fixture(scope="session")
def classifier(make_checkpoint: Callable[..., Path]) -> Path:
    """A classifier of frames and audio; not to be changed."""
    return make_checkpoint()
