"""Facts of results on features, whatever was made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from avme.evaluation.intervals import Groups
from avme.features.file import read_features
from avme.stages.features.result import FeatureResult


def test_facts_of_a_result_state_features_counts_and_intervals(
    tmp_path: Path, write_file: Callable[..., Path]
) -> None:
    table = read_features(write_file(tmp_path / "f.h5", np.eye(2), [0, 1], ["train", "test"]))
    groups = Groups(["a", "a", "b"])
    result = FeatureResult(
        table=table, num_train=7, num_test=3, left_out=(1, 2), groups=groups, signature="avme 1|x"
    )

    assert result.facts() == {
        "signature": "avme 1|x",
        "features": table.facts,
        "train": 7,
        "n": 3,
        "left_out": [1, 2],
        "interval_method": {**groups.describe(), "groups": 2, "unit": "group"},
    }
