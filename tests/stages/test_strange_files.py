"""Runs and weights of strangers: sizes that a file makes up are refused before a model has them."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from avme.config import EvalConfig, PretrainConfig
from avme.data.clip_reader import ClipReader
from avme.errors import ArtifactError, MismatchError, SystemRequirementError
from avme.models.autoencoder import MaskedAutoencoder
from avme.reconstruction.gallery import draw_reconstructions
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme.stages.pretrain import pretrain
from avme.weights.load import read_weights
from avme.weights.provenance import starting_point

pytestmark = pytest.mark.slow

LARGE = {"dim": 65_520, "heads": 4}
"""48 GB of weights in the two blocks of the visual tower."""


class OnMetaAlone(MaskedAutoencoder):
    """Fails where it would take memory."""

    def __init__(self, *arguments: Any) -> None:
        assert torch.empty(0).is_meta, "a model of sizes that were never compared"
        super().__init__(*arguments)


def with_visual(run: Path, out: Path, sizes: Mapping[str, object]) -> Path:
    """A copy of a run whose checkpoints name other sizes of the visual tower."""
    shutil.copytree(run, out)
    for path in (out / "checkpoints").glob("*.pt"):
        content = torch.load(path, weights_only=True)
        content["config"]["model"]["visual"] |= sizes
        torch.save(content, path)
    return out


def test_resume_compares_checkpoint_and_model_before_building_it(
    pretrained: Path,
    finished: PreparedDataset,
    make_pretrain_config: Callable[..., PretrainConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = with_visual(pretrained, tmp_path / "run", LARGE)
    config = make_pretrain_config().model_dump()
    config["model"]["visual"] |= LARGE
    monkeypatch.setattr("avme.models.build.MaskedAutoencoder", OnMetaAlone)

    with pytest.raises(MismatchError, match=r"the checkpoint of .* is \(32, .*expected \(65520,"):
        pretrain(
            PretrainConfig.model_validate(config),
            data=finished.folder,
            out=run,
            preset="tiny",
            resume=True,
        )


def test_model_beyond_any_memory_is_refused_before_building_it(
    finished: PreparedDataset,
    make_pretrain_config: Callable[..., PretrainConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = make_pretrain_config().model_dump()
    config["model"]["visual"] |= LARGE | {"depth": 1000}
    monkeypatch.setattr("avme.models.build.MaskedAutoencoder", OnMetaAlone)

    with pytest.raises(
        SystemRequirementError, match=r"in weights alone, this machine has .*smaller"
    ):
        pretrain(PretrainConfig.model_validate(config), data=finished.folder, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("sizes", "error", "said"),
    [
        ({"depth": 10**9}, ArtifactError, r"model\.visual\.depth.*less than or equal to 1000"),
        ({"depth": True}, ArtifactError, "expected no truth value"),
        (LARGE, MismatchError, r"is \(32, .*expected \(65520,"),
    ],
)
def test_reconstruct_compares_checkpoint_and_settings_before_drawing(
    pretrained: Path,
    finished: PreparedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sizes: Mapping[str, object],
    error: type[Exception],
    said: str,
) -> None:
    run = with_visual(pretrained, tmp_path / "run", sizes)
    monkeypatch.setattr("avme.reconstruction.gallery.MaskedAutoencoder", OnMetaAlone)

    with pytest.raises(error, match=said) as caught:
        draw_reconstructions(run, finished.folder, tmp_path / "out.png")

    assert "\n" not in str(caught.value)
    if error is ArtifactError:
        for read in (starting_point, read_weights):
            with pytest.raises(ArtifactError, match="are not those of avme pretrain"):
                read(run)


def test_classifier_with_other_number_of_classes_than_rows_is_refused(
    finetuned: Path, tmp_path: Path
) -> None:
    content = torch.load(finetuned / "checkpoints" / "best.pt", weights_only=True)
    content["facts"]["classes"].append("Diving")
    torch.save(content, tmp_path / "best.pt")

    with pytest.raises(ArtifactError, match="names 3 classes, its head has 2 rows"):
        read_weights(tmp_path / "best.pt")


def test_statistics_of_another_width_than_the_set_are_refused(
    finetuned: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    content = torch.load(finetuned / "checkpoints" / "best.pt", weights_only=True)
    content["facts"]["mfcc"] = {"mean": [0.0] * 12, "deviation": [1.0] * 12}
    torch.save(content, tmp_path / "best.pt")

    with pytest.raises(MismatchError, match=r"has 13 cepstra a row, the statistics .* 12"):
        evaluate(
            tmp_path / "best.pt",
            data=finished.folder,
            config=EvalConfig(segments=1, crops=1, num_workers=0, device="cpu"),
            out=tmp_path / "eval",
        )
    assert ClipReader(finished, (), {"mean": [0.0] * 13, "deviation": [1.0] * 13}).num_cepstra == 13


@pytest.mark.parametrize("content", [b"\xff", b"name,reason\nA/a,why\n", b'id\n"' + b"x" * 200_000])
def test_prep_retry_with_damaged_quarantine_names_it(
    folder: Path, videos: Path, run_prep: Callable[..., PreparedDataset], content: bytes
) -> None:
    (folder / "quarantine.csv").write_bytes(content)

    with pytest.raises(ArtifactError, match=r"quarantine\.csv cannot be read .*`avme verify`"):
        run_prep(videos, folder.parent, retry=True)
