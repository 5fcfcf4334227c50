"""The signature states what was measured."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from avme.evaluation.intervals import Groups
from avme.features.file import read_features
from avme.features.signature import feature_signature


def test_signature_names_features_method_and_hashes(
    tmp_path: Path, write_file: Callable[..., Path]
) -> None:
    path = write_file(
        tmp_path / "f.h5",
        np.ones((2, 3)),
        [0, 1],
        ["train", "test"],
        avme="9.9",
        segments=10,
        protocol="all",
        checkpoint_sha256="a" * 64,
        test_list_sha256="b" * 64,
        train_list_sha256="c" * 64,
    )

    line = feature_signature(read_features(path), "knn=cos", Groups(["x", "x", "y"]))

    assert line == (
        "avme 9.9|pets/1/test|n=3,g=2|feat=visual.mean|views=10x1|knn=cos|proto=all|"
        "ci=group-bs10000:0|ckpt=aaaaaaaa|list=bbbbbbbb|train=cccccccc"
    )
