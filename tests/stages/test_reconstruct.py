"""From checkpoints and clips to scores and files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from avme.errors import MismatchError, UsageError
from avme.shards.dataset import PreparedDataset
from avme.stages.reconstruct import ReconstructOptions, reconstruct

pytestmark = pytest.mark.slow

OPTIONS = ReconstructOptions(clips=1, frames=2, device="cpu")


def test_reconstruct_of_a_dataset_writes_files_and_scores_determined_by_the_seed(
    pretrained: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    both = replace(OPTIONS, seed=1, mp4=True, gif=True)
    options = [both, replace(OPTIONS, seed=1), replace(OPTIONS, seed=2)]
    made = [
        reconstruct(
            [pretrained],
            data=finished.folder,
            options=replace(given, out=tmp_path / f"{number}.png"),
        )
        for number, given in enumerate(options)
    ]

    assert [path.name for path in made[0].files] == ["0.png", "0.mp4", "0.gif"]
    assert all(path.stat().st_size > 5000 for path in made[0].files)
    first, again, other = (each.files[0].read_bytes() for each in made)
    assert first == again != other
    assert made[0].record["rows"] == made[1].record["rows"] != made[2].record["rows"]
    models = [row for row in made[0].rows if row.kind == "model"]
    assert [(row.name, row.statistics) for row in models] == [
        ("pretrain", "hidden"),
        ("pretrain", "visible"),
    ]
    assert models[0].by_audio["real"].num_clips == 1


@pytest.mark.parametrize("has_audio", [True, False])
def test_reconstruct_of_a_file_without_audio_says_that_its_scores_are_equal(
    has_audio: bool, pretrained: Path, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    sound: dict[str, None] = {} if has_audio else {"audio": None}
    video = make_video(tmp_path / "a.avi", frames=12, **sound)
    options = replace(OPTIONS, out=tmp_path / "a.png")

    made = reconstruct([pretrained], file=video, options=options)

    said = "1 of 1 clips have no audio: the versions of it are equal."
    assert (said in made.notes) != has_audio
    model = next(row for row in made.rows if row.kind == "model")
    is_equal = model.by_audio["real"].psnr_db == model.by_audio["null"].psnr_db
    assert is_equal != has_audio


def test_reconstruct_to_an_existing_file_needs_overwrite(
    pretrained: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    there = tmp_path / "a.png"
    there.write_text("mine")
    options = replace(OPTIONS, out=there)

    with pytest.raises(UsageError, match="exists already: replace it with --overwrite"):
        reconstruct([pretrained], data=finished.folder, options=options)
    assert there.read_text() == "mine"
    reconstruct([pretrained], data=finished.folder, options=replace(options, overwrite=True))
    assert there.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["a.jpg", "folder.png"])
def test_reconstruct_to_an_impossible_file_is_refused(
    pretrained: Path, finished: PreparedDataset, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    options = replace(OPTIONS, out=tmp_path / name)

    with pytest.raises(UsageError, match=r"end it with .png|is a folder"):
        reconstruct([pretrained], data=finished.folder, options=options)


def test_reconstruct_by_a_classifier_names_the_pretraining(
    finetuned: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    with pytest.raises(MismatchError, match="fine-tuning drops the decoder"):
        reconstruct([finetuned], data=finished.folder, options=OPTIONS)
    assert not list(tmp_path.iterdir())


def test_reconstruct_of_neither_video_nor_dataset_is_refused(pretrained: Path) -> None:
    with pytest.raises(UsageError, match="give one"):
        reconstruct([pretrained])
