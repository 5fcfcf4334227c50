"""Networks by the settings of a stage."""

from collections.abc import Callable

from avme.config import FinetuneConfig, PretrainConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.build import build_model
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
