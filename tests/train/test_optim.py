"""Parameter groups: who decays, and how much each layer learns."""

import pytest

from avme.config import AudioConfig, ClipConfig, ModelConfig, OptimConfig, VisualConfig
from avme.models.classifier import Classifier
from avme.train.optim import build_optimizer, layer_of


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


def test_every_parameter_is_in_one_group_with_its_decay_and_scale() -> None:
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
