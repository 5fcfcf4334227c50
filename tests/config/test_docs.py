"""Every setting can be listed with its meaning, and a commented file is a valid one."""

import pytest

from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig, Settings
from avme.config.docs import commented_yaml, describe
from avme.config.resolve import from_yaml, leaf_fields

MODELS = [PrepConfig, PretrainConfig, FinetuneConfig, EvalConfig]


@pytest.mark.parametrize("model", MODELS)
def test_commented_yaml_reads_back_equal(model: type[Settings]) -> None:
    assert from_yaml(model, commented_yaml(model(), "All settings.")) == model()


@pytest.mark.parametrize("model", MODELS)
def test_describe_lists_every_setting_once(model: type[Settings]) -> None:
    assert [row.key for row in describe(model)] == list(leaf_fields(model))


def test_describe_row_has_default_range_and_meaning() -> None:
    rows = {row.key: row for row in describe(PretrainConfig)}

    assert rows["clip.image_size"].default == "224"
    assert rows["clip.image_size"].accepts == "integer >= 16, <= 65536"
    assert rows["clip.image_size"].doc == "Height and width of the frames in pixels."
    assert rows["model.fusion.kind"].accepts == "cross-attention | concat | none"
    assert rows["train.num_workers"].accepts == "integer >= 0, <= 1024 or none"
    assert rows["crop.scales"].accepts == "[number > 0, <= 1]"
    assert rows["optim.betas"].accepts == "[2 x number >= 0, < 1]"
