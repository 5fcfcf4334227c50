"""Networks by the settings of a stage."""

from collections.abc import Callable

import pytest
import torch

from avme.config import FinetuneConfig, PretrainConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.build import build_model, load_model_of, shapes_only
from avme.models.classifier import Classifier


def test_build_model_of_pretraining_is_the_autoencoder(
    make_pretrain_config: Callable[..., PretrainConfig],
) -> None:
    assert isinstance(build_model(make_pretrain_config(), 5), MaskedAutoencoder)


def test_build_model_of_fine_tuning_is_a_classifier_of_its_classes(
    make_finetune_config: Callable[..., FinetuneConfig],
) -> None:
    model = build_model(make_finetune_config(), 5)

    assert isinstance(model, Classifier)
    assert model.head.out_features == 5


def test_shapes_only_builds_a_model_of_the_same_shapes(
    make_pretrain_config: Callable[..., PretrainConfig],
) -> None:
    with shapes_only():
        model = build_model(make_pretrain_config(), 5)
    expected = build_model(make_pretrain_config(), 5).state_dict()

    found = model.state_dict()
    assert {name: t.shape for name, t in found.items()} == {n: t.shape for n, t in expected.items()}
    assert all(tensor.is_meta for tensor in found.values())
    assert all(buffer.is_meta for buffer in model.buffers())


def test_load_model_of_tensors_equals_the_model_that_has_them(
    make_finetune_config: Callable[..., FinetuneConfig],
) -> None:
    config = make_finetune_config()
    expected = build_model(config, 5).state_dict()

    found = load_model_of(config, 5, expected)

    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.state_dict().items())
    assert all(buffer.isfinite().all() for buffer in found.buffers())
    with pytest.raises(RuntimeError, match="Missing key"):
        load_model_of(config, 5, {})
