"""What a summary states before scoring."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from avme.config import EvalConfig
from avme.config.train import AudioProtocol
from avme.evaluation.description import count_undecodable, describe_evaluation, describe_inputs
from avme.evaluation.modality import choose_modality
from avme.io.hashing import sha256_of
from avme.models.classifier import Modality
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.weights.load_classifier import build_trained, read_classifier


@pytest.mark.slow
def test_describe_evaluation_identifies_checkpoint_and_list(
    finished: PreparedDataset, finetuned: Path
) -> None:
    trained = build_trained(read_classifier(finetuned), finished, NullReporter())
    entries = finished.subset("2", "train")

    found = describe_evaluation(EvalConfig(list="train"), trained, finished, "2", entries)

    assert found["checkpoint"]["sha256"] == sha256_of(finetuned / "checkpoints" / "best.pt")
    assert found["list_sha256"] == finished.list_sha256("2", "train")
    assert (found["split"], found["trained_on_split"], found["list"]) == ("2", "1", "train")
    assert found["pretrained"]["step"] > 0
    assert "train_content" not in found["pretrained"]


@pytest.mark.parametrize(
    ("trained", "asked", "protocol", "audio", "frames", "crops"),
    [
        ("av", "av", "all", "real", "real", 3),
        ("av", "av", "audio-only", "real", "real", 3),
        ("av", "av", "donor", "protocol", "real", 3),
        ("av", "v", "donor", "null", "real", 3),
        ("av", "a", "all", "real", "blank", 1),
        ("v", "v", "visual", "none", "real", 3),
        ("a", "a", "all", "real", "none", 1),
    ],
)
def test_describe_inputs_states_what_the_classifier_gets(
    trained: Modality,
    asked: Modality,
    protocol: AudioProtocol,
    audio: str,
    frames: str,
    crops: int,
) -> None:
    modality = choose_modality(trained, asked, 13)

    found = describe_inputs(EvalConfig(), modality, protocol, torch.bfloat16)

    assert (found["audio"], found["frames"]) == (audio, frames)
    assert found["views"] == {"segments": 5, "crops": crops}
    assert (found["modality"], found["trained_modality"]) == (asked, trained)
    assert found["precision"] == "bfloat16"


def test_count_undecodable_is_unknown_where_clips_count_by_audio(
    folder: Path, reseal: Callable[..., None]
) -> None:
    prepared = PreparedDataset.open(folder)
    splits = dict(prepared.manifest["splits"])
    splits["1"] |= {"train_quarantined": 2, "test_quarantined": 1}
    reseal(folder, splits=splits)
    prepared = PreparedDataset.open(folder)

    assert count_undecodable(EvalConfig(), prepared, "1", "all") == 1
    assert count_undecodable(EvalConfig(list="train"), prepared, "1", "donor") == 2
    assert count_undecodable(EvalConfig(subset="audio"), prepared, "1", "all") is None
    assert count_undecodable(EvalConfig(), prepared, "1", "audio-only") is None
