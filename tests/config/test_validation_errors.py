"""Sentences about invalid settings."""

from typing import Any

import pytest
from pydantic import ValidationError

from avme.config import PretrainConfig
from avme.config.validation_errors import describe_fault, describe_first_fault


def error_of(settings: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        PretrainConfig.model_validate(settings)
    return caught.value


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"optim": {"lr": "fast"}}, "optim.lr: found 'fast', expected number"),
        ({"optim": {"lr": 0}}, "optim.lr: found 0, expected greater than 0"),
        ({"optim": {"betas": [0.9]}}, "optim.betas.1: found [0.9], expected more values"),
        ({"crop": {"scales": []}}, "crop.scales: found [], expected more values"),
        ({"train": {"wandb": "x" * 256}}, "expected at most 255 characters"),
        ({"crop": {"scales": [1.0] * 101}}, "expected at most 100 values"),
        ({"model": {"visual": {"heads": 7}}}, "model.visual: width 768 is not divisible by 7"),
        ({"mask": {"decoder_ratio": 0.5}, "loss": {"tokens": "all"}}, "loss.tokens all needs"),
        ({"loss": {"target": "off"}}, "loss.target: found 'off', expected 'normalized' or 'pixel'"),
    ],
)
def test_describe_first_fault_names_key_value_and_expectation(
    settings: dict[str, Any], sentence: str
) -> None:
    found = describe_first_fault(error_of(settings))

    assert sentence.replace("betas.1", "betas") in found
    assert len(found) < 200


def test_describe_fault_with_known_origin_names_it() -> None:
    (fault,) = error_of({"optim": {"lr": -1.0}}).errors()

    assert describe_fault(fault, {"optim.lr": "a.yaml"}).endswith("than 0 (from a.yaml)")
    assert describe_fault(fault, {"optim.min_lr": "a.yaml"}).endswith("than 0")


def test_describe_fault_of_long_value_shortens_it() -> None:
    (fault,) = error_of({"optim": {"lr": "x" * 5000}}).errors()

    assert len(describe_fault(fault, {})) < 150
