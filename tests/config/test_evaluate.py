"""Settings of evaluation."""

from typing import Any

import pytest
from pydantic import ValidationError

from avme.config.evaluate import EvalConfig


def test_eval_config_default_is_five_segments_and_three_crops() -> None:
    config = EvalConfig()

    assert (config.segments, config.crops, config.topk, config.list) == (5, 3, (1, 5), "test")
    assert (config.subset, config.modality) == ("all", None)


@pytest.mark.parametrize(
    "values",
    [
        {"topk": (0,)},
        {"topk": tuple(range(1, 102))},
        {"crops": 4},
        {"segments": 0},
        {"list": "val"},
        {"subset": "test"},
        {"modality": "va"},
        {"frame_stride": 0},
        {"precision": "fp8"},
    ],
)
def test_eval_config_with_value_out_of_range_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(values))):
        EvalConfig.model_validate(values)
