"""Predictions of several files: a failed one does not stop the others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import MediaError, UsageError
from avme.inference.model import Model, load_model
from avme.inference.prediction import Prediction
from avme.stages.predict import FailedFile, find_files, predict_files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(finetuned: Path) -> Model:
    return load_model(finetuned, device="cpu")


def test_find_files_lists_videos_below_folders_in_order(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    for name in ("b/z.avi", "b/a.avi", "a.mp4"):
        make_video(tmp_path / name, frames=2, audio=None)
    (tmp_path / "b" / "notes.txt").write_text("no video")
    (tmp_path / "b" / ".hidden.avi").write_bytes(b"x")
    lone = tmp_path / "missing.mp4"

    found = find_files([lone, tmp_path])

    assert found == [lone, *(tmp_path / name for name in ("a.mp4", "b/a.avi", "b/z.avi"))]


def test_find_files_in_a_folder_without_videos_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no video"):
        find_files([tmp_path])


def test_predict_files_continues_after_a_failed_file(
    model: Model, videos: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.avi").write_bytes(b"RIFF" + bytes(500))
    good = next(videos.rglob("v_Archery_g01_c01.avi"))
    files = [tmp_path / "broken.avi", tmp_path / "missing.avi", good]

    broken, missing, made = predict_files(model, files)

    assert isinstance(broken, FailedFile)
    assert isinstance(broken.error, MediaError)
    assert isinstance(missing, FailedFile)
    assert isinstance(missing.error, UsageError)
    assert isinstance(made, Prediction)
    assert made.name == str(good)


def test_predict_files_of_real_and_unusual_videos(model: Model, shared: Path) -> None:
    mini = sorted((shared / "data" / "ucf-mini" / "UCF-101").glob("*/*_g01_c01.avi"))[:3]
    odd = [shared / "data" / "oddmedia" / name for name in ("rotated_90.mp4", "no_audio.avi")]
    refused = [
        shared / "data" / "oddmedia" / name
        for name in ("audio_only.mp3", "audio_only.avi", "html_404.mp4", "zero_bytes.mp4")
    ]

    made = list(predict_files(model, [*mini, *odd, *(p for p in refused if p.is_file())]))

    predictions = [one for one in made if isinstance(one, Prediction)]
    assert [one.name for one in predictions] == [str(path) for path in (*mini, *odd)]
    assert len(mini) == 3
    assert predictions[-1].audio == "none"
    failed = [one for one in made if isinstance(one, FailedFile)]
    assert len(failed) >= 3
    assert all("\n" not in str(one.error) for one in failed)
    assert "audio but no frames" in str(failed[0].error)
