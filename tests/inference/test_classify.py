"""Classification of files: an evaluation of the prepared files is the oracle."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avme.config import EvalConfig
from avme.errors import MismatchError, NonFiniteError, UsageError
from avme.evaluation.predictions import read_predictions
from avme.inference.classify import AskedModality, WindowClassifier
from avme.inference.media_window import ViewOptions
from avme.inference.model import Model, load_model
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(finetuned: Path) -> Model:
    return load_model(finetuned, device="cpu")


@pytest.mark.parametrize(("modality", "crops"), [(None, 1), ("v", 3)])
def test_predict_equals_the_evaluation_of_the_prepared_file(
    finetuned: Path,
    videos: Path,
    finished: PreparedDataset,
    model: Model,
    tmp_path: Path,
    modality: AskedModality | None,
    crops: int,
) -> None:
    config = EvalConfig(device="cpu", num_workers=0, crops=crops, topk=(1,), modality=modality)
    evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / "eval")
    scored = read_predictions(tmp_path / "eval")
    classifier = WindowClassifier(model, modality)

    for clip, probability in zip(scored.id, scored.probability, strict=True):
        path = next(videos.rglob(f"{Path(clip).stem}.avi"))
        windows = model.windows(path, ViewOptions(crops=crops))
        made = classifier.predict(windows, str(path))
        np.testing.assert_allclose(made.probability, probability, atol=2e-6)


def test_predict_of_a_file_is_the_mean_of_its_windows(model: Model, videos: Path) -> None:
    path = next(videos.rglob("v_Archery_g01_c01.avi"))
    made = WindowClassifier(model).predict(model.windows(path), "a", most=2)

    mean = {
        name: np.mean([dict(window.top)[name] for window in made.windows]) for name in made.classes
    }
    assert mean == {name: pytest.approx(value) for name, value in made.top(2)}
    assert made.probability.sum() == pytest.approx(1.0)
    assert (made.audio, made.notes, made.num_views) == ("audible", (), len(made.windows))
    assert all(window.has_audio for window in made.windows)


def test_predict_without_audio_track_notes_the_null_token(model: Model, videos: Path) -> None:
    path = next(videos.rglob("v_Archery_g01_c02.avi"))
    made = WindowClassifier(model).predict(model.windows(path), "a")

    assert made.audio == "none"
    assert made.notes[0].startswith("no audio track: the model gets its null audio token")
    assert not any(window.has_audio for window in made.windows)


def test_predict_of_video_alone_notes_nothing_about_audio(model: Model, videos: Path) -> None:
    assert WindowClassifier(model, "v").notes("none") == []
    assert "silent" in WindowClassifier(model).notes("silent")[0]


def test_classifier_of_a_pretraining_names_the_command(pretrained: Path) -> None:
    with pytest.raises(MismatchError, match=r"avme finetune --from.*avme reconstruct"):
        WindowClassifier(load_model(pretrained, device="cpu"))


def test_classifier_without_heads_refuses_a_product(model: Model) -> None:
    with pytest.raises(UsageError, match="product"):
        WindowClassifier(model, "product")


def test_predict_of_broken_weights_is_not_finite(
    finetuned: Path, tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    broken = load_model(finetuned, device="cpu")
    with torch.no_grad():
        next(broken.network.parameters()).fill_(float("nan"))
    path = make_video(tmp_path / "a.avi", frames=8, audio=None)

    with pytest.raises(NonFiniteError, match="not finite"):
        WindowClassifier(replace(broken)).predict(broken.windows(path), "a")
