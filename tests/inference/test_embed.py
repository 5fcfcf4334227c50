"""Features of files: `avme embed` on the prepared files is the oracle."""

from pathlib import Path

import numpy as np
import pytest

from avme.errors import MismatchError
from avme.features.extract import FeatureOptions
from avme.features.file import read_features
from avme.features.source import FeatureSource
from avme.inference.embed import embed
from avme.inference.media_window import ViewOptions
from avme.inference.model import load_model
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow


def test_embed_equals_the_features_of_the_prepared_file(
    pretrained: Path, videos: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    options = FeatureOptions(data=finished.folder, segments=3, device="cpu", workers=0)
    FeatureSource(pretrained, options, NullReporter()).compute(
        {"fused": tmp_path / "fused.h5"}, "test"
    )
    table = read_features(tmp_path / "fused.h5")
    model = load_model(pretrained, device="cpu")

    for clip, feature in zip(table.id, table.features, strict=True):
        path = next(videos.rglob(f"{Path(clip).stem}.avi"))
        windows = model.windows(path, ViewOptions(segments=3))
        np.testing.assert_allclose(embed(model, windows, clip), feature, atol=1e-5)


def test_embed_of_a_missing_stage_names_those_that_exist(finetuned: Path, videos: Path) -> None:
    model = load_model(finetuned, device="cpu")
    model.network.fusion = None
    path = next(videos.rglob("*_c01.avi"))

    with pytest.raises(MismatchError, match="no stage fused"):
        embed(model, model.windows(path), "a", "fused")
