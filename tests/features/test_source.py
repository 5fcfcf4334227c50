"""Features of a checkpoint are computed once, and read only where they belong to it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from avme.config import PretrainConfig
from avme.errors import MismatchError, UsageError
from avme.features.extract import FeatureOptions
from avme.features.file import read_features
from avme.features.source import FeatureSource, load_features
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain

pytestmark = pytest.mark.slow


class Lines(NullReporter):
    """Reporter that collects lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def run(pretrained: Path, tmp_path: Path) -> Path:
    """A copy of the run that features may be written to."""
    return Path(shutil.copytree(pretrained, tmp_path / "run"))


def options(finished: PreparedDataset, **changes: Any) -> FeatureOptions:
    usual: dict[str, Any] = {"data": finished.folder, "workers": 0, "device": "cpu"}
    return FeatureOptions(**usual | changes)


def test_features_are_computed_once_and_then_read(finished: PreparedDataset, run: Path) -> None:
    report = Lines()

    first = load_features(run, options(finished), report)
    again = load_features(run, options(finished), report)

    path = run / "features/set-split1-all-last-fused-mean-1.h5"
    assert first.path == again.path == path
    assert report.lines == [f"reading {path}"]
    np.testing.assert_array_equal(first.features, again.features)
    train, test = finished.subset("1", "train"), finished.subset("1", "test")
    assert first.id == tuple(entry.id for entry in (*train, *test))
    assert first.subset == ("train",) * len(train) + ("test",) * len(test)
    assert first.facts["fingerprint"] == finished.fingerprint
    assert first.facts["checkpoint_step"] == 8


def test_several_stages_of_one_pass_equal_those_of_single_passes(
    finished: PreparedDataset, run: Path, tmp_path: Path
) -> None:
    source = FeatureSource(run, options(finished), NullReporter())

    visual, audio = source.load(["visual", "audio"])
    source.compute({"audio": tmp_path / "alone.h5"}, "all")

    assert visual.facts["stage"] == "visual"
    np.testing.assert_array_equal(audio.features, read_features(tmp_path / "alone.h5").features)
    np.testing.assert_array_equal(visual.has_audio, audio.has_audio)


def test_features_of_other_weights_are_refused_and_replaced_on_demand(
    finished: PreparedDataset, run: Path
) -> None:
    path = load_features(run, options(finished), NullReporter()).path
    with h5py.File(path, "r+") as file:
        file.attrs["checkpoint_sha256"] = "other"

    with pytest.raises(MismatchError, match="another checkpoint: compute them again with --over"):
        load_features(run, options(finished), NullReporter())
    made = load_features(run, options(finished, overwrite=True), NullReporter())

    assert made.facts["checkpoint_sha256"] != "other"


@pytest.mark.parametrize(
    ("name", "value"), [("stage", "audio"), ("pool", "slots"), ("segments", 3), ("split", "2")]
)
def test_file_of_other_features_than_wanted_is_refused(
    name: str, value: Any, tmp_path: Path, write_file: Callable[..., Path]
) -> None:
    path = write_file(tmp_path / "f.h5", np.ones((2, 3)), [0, 1], ["train", "test"])

    assert load_features(path, FeatureOptions(), NullReporter()).path == path
    with pytest.raises(MismatchError, match=f"features of {name} .*leave --{name} out"):
        load_features(path, FeatureOptions(**{name: value}), NullReporter())


def test_features_of_a_checkpoint_that_was_trained_on_test_clips_are_not_scored(
    finished: PreparedDataset, run: Path
) -> None:
    with pytest.raises(MismatchError, match="test clips of split 2 were trained on"):
        load_features(run, options(finished, split="2"), NullReporter())


def test_features_under_torchrun_are_refused(
    finished: PreparedDataset, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(UsageError, match="one process"):
        FeatureSource(run, options(finished), NullReporter())


@pytest.mark.parametrize("protocol", ["audio-only", "donor", "constant"])
def test_features_follow_the_protocol_of_the_checkpoint(
    protocol: str,
    finished: PreparedDataset,
    make_pretrain_config: Callable[..., PretrainConfig],
    run: Path,
    tmp_path: Path,
) -> None:
    probes = 0 if protocol == "audio-only" else 1  # which leaves one class with two clips
    config = make_pretrain_config(epochs=1, protocol=protocol, probe_every_epochs=probes)
    other = pretrain(config, data=finished.folder, out=tmp_path / "other")
    usual = load_features(run, options(finished, stage="audio"), NullReporter())

    table = load_features(other, options(finished, stage="audio"), NullReporter())

    own = dict(zip(usual.id, usual.has_audio.tolist(), strict=True))
    assert table.facts["protocol"] == protocol
    if protocol == "audio-only":
        assert table.id == tuple(name for name, has_audio in own.items() if has_audio)
    else:
        assert table.id == usual.id
    if protocol == "constant":  # one null token for all clips
        assert not table.has_audio.any()
        assert np.ptp(table.features, axis=0).max() == 0.0
    else:
        assert table.has_audio.tolist() == [own[name] for name in table.id]
        without = table.features[~table.has_audio]
        assert len(without) == 0 or np.ptp(without, axis=0).max() > 0.0  # of donors
