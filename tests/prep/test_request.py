"""Prep request: folder of the dataset, warnings, decode settings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError, UsageError
from avme.media.ffmpeg.process import ffmpeg_version, find_ffmpeg
from avme.prep.request import Request, find_recipe, find_source, warn_of_ffmpeg
from avme.shards.dataset import PreparedDataset
from avme.system.cpu_count import available_cores

RunPrep = Callable[..., PreparedDataset]


def test_find_source_into_foreign_folder_is_refused(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.tex").write_text("x")

    with pytest.raises(UsageError, match=r"thesis\.tex"):
        run_prep(videos, tmp_path)


@pytest.mark.parametrize("gone", [["plan.json"], ["plan.json", "dataset.json"]])
def test_find_source_into_dataset_without_plan_is_refused(
    videos: Path, folder: Path, run_prep: RunPrep, gone: list[str]
) -> None:
    for name in gone:
        (folder / name).unlink()

    with pytest.raises(ArtifactError, match=r"holds \S+ and no plan\.json, .*restore it from"):
        run_prep(videos, folder.parent)


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_find_source_with_path_as_name_is_refused(
    tmp_path: Path, videos: Path, run_prep: RunPrep, name: str
) -> None:
    with pytest.raises(UsageError, match="--name"):
        run_prep(videos, tmp_path, name=name)


def test_find_source_with_file_in_place_of_the_folder_is_refused(
    tmp_path: Path, make_request: Callable[..., Request]
) -> None:
    (tmp_path / "set").touch()

    with pytest.raises(UsageError, match="is a file: choose another folder"):
        find_source(make_request())


def test_find_source_returns_clips_and_writes_nothing(
    tmp_path: Path, videos: Path, make_request: Callable[..., Request]
) -> None:
    request = make_request()

    assert request.folder == tmp_path / "set"
    assert len(find_source(request).clips) == len(list(videos.rglob("*.avi")))
    assert list(tmp_path.iterdir()) == []


def test_find_recipe_has_units_of_the_decoder() -> None:
    config = PrepConfig(
        max_clip_gb=0.5, memory_mb=2048, untagged_hd="bt709", short_side=32, keep_audio=False
    )

    recipe = find_recipe(config)

    assert (recipe.max_bytes, recipe.memory_bytes) == (500_000_000, 2**31)
    assert (recipe.tonemap, recipe.untagged_hd_is_bt709, recipe.short_side) == (False, True, 32)
    assert not recipe.keep_audio
    assert recipe.ffmpeg == find_ffmpeg()


def test_workers_without_setting_are_the_available_cores(
    make_request: Callable[..., Request],
) -> None:
    assert make_request(num_workers=3).workers == 3
    assert make_request(num_workers=None).workers == available_cores()


def test_warn_of_ffmpeg_of_other_version_names_both() -> None:
    recipe = find_recipe(PrepConfig())
    version = ffmpeg_version(recipe.ffmpeg)

    same, other = list(warn_of_ffmpeg(recipe, version)), list(warn_of_ffmpeg(recipe, "4.9"))

    assert len(other) == len(same) + 1
    assert f"was started with ffmpeg 4.9, this is {version}: " in other[-1]
