"""k-NN of a file of features agrees with counts by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avme.errors import ArtifactError, MismatchError
from avme.stages.features.knn import knn

WriteFile = Callable[..., Path]


def angles(*degrees: float) -> np.ndarray:
    radians = np.radians(np.array(degrees))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_knn_scores_test_clips_by_the_nearest_training_clips(
    tmp_path: Path, write_file: WriteFile
) -> None:
    """Train: A at 0 and 10, B at 90, C at 180 degrees. Test: A at 4, B at 80, A at 95."""
    path = write_file(
        tmp_path / "f.h5",
        angles(0, 10, 90, 180, 4, 80, 95),
        [0, 0, 1, 2, 0, 1, 0],
        ["train"] * 4 + ["test"] * 3,
    )

    found = knn(path)

    assert (found.num_train, found.num_test, found.left_out) == (4, 3, (0, 0))
    assert set(found.tops) == {1, 5, 10, 20}
    assert found.tops[1].accuracy == {1: pytest.approx(2 / 3)}
    record = json.loads(json.dumps(found.as_record()))
    assert record["neighbors"]["1"]["top1"] == pytest.approx(2 / 3)
    assert record["signature"] == found.signature
    assert "|knn=cos,T0.07,k1,5,10,20|" in found.signature


def test_knn_of_audio_counts_clips_that_are_left_out(tmp_path: Path, write_file: WriteFile) -> None:
    path = write_file(
        tmp_path / "f.h5",
        angles(0, 90, 5, 85, 60),
        [0, 1, 0, 1, 0],
        ["train", "train", "train", "test", "test"],
        has_audio=[True, True, False, True, False],
        stage="audio",
    )

    found = knn(path)

    assert (found.num_train, found.num_test, found.left_out) == (2, 1, (1, 1))
    assert found.tops[1].accuracy[1] == 1.0


def test_knn_of_a_test_list_alone_is_an_error(tmp_path: Path, write_file: WriteFile) -> None:
    path = write_file(tmp_path / "f.h5", angles(0, 90), [0, 1], ["test", "test"])

    with pytest.raises(ArtifactError, match="no clip of the train list"):
        knn(path)


def test_knn_of_leaked_features_is_refused(tmp_path: Path, write_file: WriteFile) -> None:
    path = write_file(
        tmp_path / "f.h5", angles(0, 90), [0, 1], ["train", "test"], leak="1 of 1 was trained on"
    )

    with pytest.raises(MismatchError, match="1 of 1 was trained on"):
        knn(path)
