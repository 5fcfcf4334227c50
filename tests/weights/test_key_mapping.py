"""Names and layouts of tensors by format, against transformers' own state dict."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from avme.config import ClipConfig, ModelConfig
from avme.errors import ArtifactError
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.weights.key_mapping import Form, Stage, depth_of, expand_biases, rule_for, wrapper_prefix

MakeTheirs = Callable[..., Any]
MakeConfig = Callable[..., ModelConfig]
KERNEL = (2, 4)


@pytest.fixture(params=["pretrain", "finetune"])
def stage(request: pytest.FixtureRequest) -> Stage:
    found: Stage = request.param
    return found


@pytest.fixture
def ours(stage: Stage, clip: ClipConfig, make_model_config: MakeConfig) -> nn.Module:
    if stage == "pretrain":
        return MaskedAutoencoder(make_model_config(), clip)
    return Classifier(make_model_config(), clip, 5, "v")


@pytest.mark.parametrize("form", ["official", "huggingface"])
def test_rule_for_every_tensor_matches_names_and_shapes_of_transformers(
    form: Form, stage: Stage, ours: nn.Module, make_theirs: MakeTheirs, parity: Any
) -> None:
    state, _ = expand_biases(make_theirs(stage).state_dict())
    if form == "official":
        state = parity.official(make_theirs(stage).state_dict())
    expected = {name: tuple(tensor.shape) for name, tensor in state.items()}

    found: dict[str, tuple[int, ...]] = {}
    for name, tensor in ours.state_dict().items():
        rule = rule_for(name, form, stage, KERNEL)
        parts = rule.to_theirs(tensor.to("meta"))
        found |= {other: tuple(part.shape) for other, part in zip(rule.theirs, parts, strict=True)}

    assert found == expected


@pytest.mark.parametrize("form", ["official", "huggingface", "avme"])
def test_rule_for_every_tensor_converts_there_and_back(
    form: Form, stage: Stage, ours: nn.Module
) -> None:
    for name, tensor in ours.state_dict().items():
        rule = rule_for(name, form, stage, KERNEL)

        assert torch.equal(rule.to_own(rule.to_theirs(tensor)), tensor), name


def test_rule_for_embedding_moves_colors_last() -> None:
    kernel = torch.arange(2 * 3 * 2 * 4 * 4).reshape(2, 3, 2, 4, 4)

    own = rule_for("visual.embedding.linear.weight", "official", "finetune", KERNEL).to_own(
        [kernel]
    )

    d, u, p, q, c = 1, 1, 2, 3, 2
    assert own[d, ((u * 4 + p) * 4 + q) * 3 + c] == kernel[d, c, u, p, q]


@pytest.mark.parametrize(
    ("pool", "name"), [("mean", "fc_norm.weight"), ("first", "videomae.layernorm.weight")]
)
def test_rule_for_norm_of_classifier_depends_on_pooling(pool: str, name: str) -> None:
    rule = rule_for("norm.weight", "huggingface", "finetune", pool=pool)

    assert rule.theirs == (name,)


def test_depth_of_counts_blocks_of_each_tower(make_theirs: MakeTheirs, parity: Any) -> None:
    state = make_theirs().state_dict()
    renamed = parity.official(state)

    assert [depth_of(tower, state, "huggingface") for tower in ("visual", "decoder")] == [2, 1]
    assert [depth_of(tower, renamed, "official") for tower in ("visual", "decoder")] == [2, 1]
    assert depth_of("decoder", ("blocks.3.norm1.weight",), "official") == 0


def test_spell_biases_drops_key_biases_and_unifies_the_others() -> None:
    stem = "videomae.encoder.layer.0.attention.attention."
    tensors = {
        f"{stem}{name}": torch.full((2,), row)
        for row, name in enumerate(("query.bias", "key.bias", "value.bias", "key.weight"))
    }

    spelt, dropped = expand_biases(tensors)

    assert dropped == [f"{stem}key.bias"]
    assert {name.removeprefix(stem): int(tensor[0]) for name, tensor in spelt.items()} == {
        "q_bias": 0, "v_bias": 2, "key.weight": 3,
    }  # fmt: skip


@pytest.mark.parametrize("order", [("query.bias", "q_bias"), ("q_bias", "query.bias")])
def test_spell_biases_with_two_spellings_is_refused(order: tuple[str, str]) -> None:
    tensors = {f"layer.0.attention.attention.{name}": torch.zeros(2) for name in order}

    with pytest.raises(ArtifactError, match="two spellings of one bias"):
        expand_biases(tensors)


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["module.head.weight", "module.head.bias"], "module."),
        (["_orig_mod.module.head.weight"], "_orig_mod."),
        (["module.head.weight", "head.bias"], None),
        (["encoder.patch_embed.proj.weight", "encoder.norm.weight"], "encoder."),
        (["encoder.patch_embed.proj.weight", "decoder.norm.weight"], None),
        ([], None),
    ],
)
def test_wrapper_prefix_is_common_to_all_names(names: list[str], prefix: str | None) -> None:
    assert wrapper_prefix(names) == prefix
