"""Retrieval between the streams of a run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.config import PretrainConfig
from avme.errors import MismatchError
from avme.features.extract import FeatureOptions
from avme.features.file import read_features
from avme.features.retrieval import DIRECTIONS, retrieve
from avme.shards.dataset import PreparedDataset
from avme.stages.features.retrieval import retrieval
from avme.stages.pretrain import pretrain

pytestmark = pytest.mark.slow


def options(finished: PreparedDataset) -> FeatureOptions:
    return FeatureOptions(data=finished.folder, workers=0, device="cpu")


@pytest.fixture(scope="module")
def more_clips(
    tmp_path_factory: pytest.TempPathFactory,
    make_video: Callable[..., Path],
    run_prep: Callable[..., PreparedDataset],
) -> PreparedDataset:
    """Two test clips with audio and one without, in the groups of the tests; four to train on."""
    root = tmp_path_factory.mktemp("retrieval")
    for group, hertz in ((1, 300), (2, 500), (8, 400), (9, 700), (10, 900), (11, 1500)):
        video = root / f"in/A/v_A_g{group:02d}_c01.avi"
        make_video(video, frames=8, audio=f"sine=frequency={hertz}:sample_rate=16000")
    make_video(root / "in/A/v_A_g03_c01.avi", frames=8, audio=None)
    return run_prep(root / "in", root / "out", name="other")


def test_retrieval_ranks_clips_with_audio_in_both_directions(
    more_clips: PreparedDataset, pretrained: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(pretrained, tmp_path / "run"))

    found = retrieval(run, options=options(more_clips))

    audible = [entry for entry in more_clips.subset("1", "test") if entry.audio != "none"]
    assert found.num_test == len(audible) == 2
    assert found.left_out == (0, 1)
    assert found.num_train == 4
    assert [(row.space, row.direction) for row in found.rows] == [
        (space, direction) for space in ("learned", "none") for direction in DIRECTIONS
    ]
    assert all(row.recall[5] == row.recall[10] == 1.0 for row in found.rows)
    tables = [
        read_features(run / f"features/other-split1-all-last-{stage}-mean-1.h5")
        for stage in ("visual", "audio")
    ]
    pairs: Any = [
        tuple(table.rows(subset, with_audio=True) for table in tables)
        for subset in ("train", "test")
    ]
    expected = retrieve(*pairs)
    for row in found.rows[:2]:
        assert row.recall[1] == expected.mapped.found(row.direction, 1).mean()
    record = json.loads(json.dumps(found.as_record()))
    assert record["chance"] == {"recall1": 0.5, "recall5": 1.0, "recall10": 1.0}
    assert "|feat=visual+audio.mean|" in record["signature"]


def test_retrieval_of_a_network_without_audio_is_one_line(
    finished: PreparedDataset, make_pretrain_config: Callable[..., PretrainConfig], tmp_path: Path
) -> None:
    config = make_pretrain_config(epochs=1)
    fusion = config.model.fusion.model_copy(update={"kind": "none"})
    model = config.model.model_copy(update={"fusion": fusion})
    run = pretrain(
        config.model_copy(update={"model": model}), data=finished.folder, out=tmp_path / "run"
    )

    with pytest.raises(MismatchError, match="has visual features only: retrieval needs video and"):
        retrieval(run, options=options(finished))
