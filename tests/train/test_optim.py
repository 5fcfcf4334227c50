"""Parameter groups: who decays, and how much each layer learns."""

from typing import Any

import pytest
import torch
from torch import nn

from avme.config import AudioConfig, ClipConfig, ModelConfig, OptimConfig, VisualConfig
from avme.models.classifier import Classifier
from avme.train.optim import build_optimizer, layer_of, set_learning_rate, update_weights


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("visual.embedding.linear.weight", 0),
        ("visual.blocks.0.norm1.weight", 1),
        ("visual.blocks.11.mlp.first.weight", 12),
        ("visual.norm.weight", 13),
        ("audio.resnet.stem.weight", 13),
        ("head.weight", 13),
    ],
)
def test_layers_are_counted_as_videomae_counts_them(name: str, layer: int) -> None:
    assert layer_of(name, depth=12) == layer


def test_build_optimizer_puts_every_parameter_in_one_group_with_decay_and_scale() -> None:
    config = ModelConfig(
        visual=VisualConfig(dim=16, depth=2, heads=8, patch_size=8),
        audio=AudioConfig(widths=(4, 4, 4, 8), blocks=(1, 1, 1, 1)),
    )
    model = Classifier(config, ClipConfig(num_frames=2, frame_stride=1, image_size=16), 3, "av")
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = build_optimizer(model, OptimConfig(layer_decay=0.5, weight_decay=0.1), 2).param_groups

    found = [names[id(parameter)] for group in groups for parameter in group["params"]]
    assert sorted(found) == sorted(names.values())
    for group in groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0)
            assert group["scale"] == 0.5 ** (3 - layer_of(names[id(parameter)], 2))


@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_update_weights_without_scaler_is_torchs_own_recipe(max_norm: float | None) -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(4, 2), nn.Linear(4, 2)
    theirs.load_state_dict(ours.state_dict())
    config, data = OptimConfig(weight_decay=0.1), torch.randn(5, 4)
    optimizer = build_optimizer(ours, config, 0)
    decays: list[dict[str, Any]] = [
        {"params": [theirs.weight]},
        {"params": [theirs.bias], "weight_decay": 0.0},
    ]
    oracle = torch.optim.AdamW(decays, lr=0.02, betas=config.betas, weight_decay=0.1)

    for _ in range(3):
        set_learning_rate(optimizer, 0.02)
        ours(data).square().sum().backward()
        norms = update_weights(ours, optimizer, torch.amp.GradScaler(enabled=False), max_norm)
        theirs(data).square().sum().backward()
        limit = float("inf") if max_norm is None else max_norm
        length = nn.utils.clip_grad_norm_(theirs.parameters(), limit)
        oracle.step()
        oracle.zero_grad()
        torch.testing.assert_close(norms["grad_norm"], length)

    assert all(parameter.grad is None for parameter in ours.parameters())
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_set_learning_rate_of_scaled_groups_multiplies_by_their_scale() -> None:
    weights = [nn.Parameter(torch.ones(1)) for _ in range(2)]
    groups = [{"params": [w], "scale": s} for w, s in zip(weights, (1.0, 0.25), strict=True)]
    optimizer = torch.optim.SGD(groups, lr=1.0)

    set_learning_rate(optimizer, 0.4)

    assert [group["lr"] for group in optimizer.param_groups] == [0.4, 0.1]
