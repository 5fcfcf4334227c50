"""Settings of the training loop."""

import numpy as np
import pytest
import torch

from avme.config import PretrainConfig
from avme.config.resolve import (
    resolve,
)
from avme.config.train import TrainConfig
from avme.errors import ConfigError


def test_train_config_with_sharded_fp16_is_refused() -> None:
    sets = ["train.precision=fp16", "train.sharding=fsdp"]

    with pytest.raises(ConfigError, match="use --precision bf16 or fp32"):
        resolve(PretrainConfig, sets=sets)


@pytest.mark.parametrize(
    ("precision", "sharding"), [("fp16", "none"), ("bf16", "fsdp"), ("auto", "fsdp")]
)
def test_train_config_with_either_fp16_or_sharding_is_accepted(
    precision: str, sharding: str
) -> None:
    config = TrainConfig.model_validate({"precision": precision, "sharding": sharding})

    assert (config.precision, config.sharding) == (precision, sharding)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_train_config_seed_limits_are_those_of_torch_and_numpy(seed: int) -> None:
    assert torch.Generator().manual_seed(TrainConfig(seed=seed).seed).initial_seed() == seed
    assert np.random.default_rng(seed) is not None
    with pytest.raises(ValueError, match="seed"):
        TrainConfig(seed=2**63)
