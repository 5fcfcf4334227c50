"""Embedding writes one file, and replaces none unasked."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avme.errors import UsageError
from avme.features.extract import FeatureOptions
from avme.features.file import read_features
from avme.shards.dataset import PreparedDataset
from avme.stages.features.embed import embed

pytestmark = pytest.mark.slow


def options(finished: PreparedDataset, **changes: Any) -> FeatureOptions:
    usual: dict[str, Any] = {"data": finished.folder, "workers": 0, "device": "cpu"}
    return FeatureOptions(**usual | changes)


def test_embed_of_a_list_writes_its_clips_into_the_run(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finetuned, tmp_path / "run"))
    chosen = options(finished, stage="audio", pool="slots", segments=2)

    path = embed(run, lists="test", options=chosen)

    table = read_features(path)
    assert path == run / "features/set-split1-test-best-audio-slots-2.h5"
    assert table.id == tuple(entry.id for entry in finished.subset("1", "test"))
    assert table.features.shape == (len(table.id), 2, 32)
    assert set(table.subset) == {"test"}
    states = dict(zip(table.id, table.audio, strict=True))
    heard = dict(zip(table.id, table.has_audio.tolist(), strict=True))
    assert not any(heard[name] for name, state in states.items() if state in ("silent", "none"))
    assert any(heard.values())


def test_embed_refuses_to_replace_a_file_without_being_told(
    finished: PreparedDataset, pretrained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "f.h5"
    embed(pretrained, lists="test", options=options(finished), out=out)
    before = read_features(out)

    with pytest.raises(UsageError, match=r"f\.h5 exists already: replace it with --overwrite"):
        embed(pretrained, options=options(finished), out=out)
    with pytest.raises(UsageError, match="is a folder"):
        embed(pretrained, options=options(finished, overwrite=True), out=tmp_path)
    embed(pretrained, lists="train", options=options(finished, overwrite=True), out=out)

    after = read_features(out)
    assert set(after.id) & set(before.id) == set()


def test_embed_of_the_same_run_is_the_same_whatever_the_batch(
    finished: PreparedDataset, pretrained: Path, tmp_path: Path
) -> None:
    tables = [
        read_features(
            embed(
                pretrained,
                options=options(finished, batch_size=size, workers=workers),
                out=tmp_path / f"{size}.h5",
            )
        )
        for size, workers in ((1, 0), (5, 1))
    ]

    np.testing.assert_allclose(tables[0].features, tables[1].features, atol=1e-5)
    assert tables[0].id == tables[1].id


def test_embed_that_fails_leaves_no_file(
    finished: PreparedDataset, pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("avme.features.writer.FeatureWriter.close", fail)

    with pytest.raises(OSError, match="No space"):
        embed(pretrained, options=options(finished), out=tmp_path / "out/f.h5")
    assert list((tmp_path / "out").iterdir()) == []
