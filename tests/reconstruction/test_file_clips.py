"""Windows of files: those of a prepared dataset bit by bit, and what cannot be read."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avme.data.temporal_sampling import spread_windows
from avme.errors import MediaError, UsageError
from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.clip_inputs import DatasetClips
from avme.reconstruction.file_clips import FileClips
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

Make = Callable[..., Autoencoder]
MakeVideo = Callable[..., Path]
SPAN = 8
"""Source frames of a window of the tiny models."""


@pytest.fixture(scope="module")
def film(make_video: MakeVideo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three windows of video with audio."""
    return make_video(tmp_path_factory.mktemp("film") / "film.avi", frames=3 * SPAN + 2)


def test_read_of_a_file_equals_the_window_of_a_prepared_dataset(
    videos: Path, finished: PreparedDataset, make_autoencoder: Make
) -> None:
    model = make_autoencoder()
    entries = finished.subset("1", "test")
    clips = DatasetClips(finished.folder, finished, entries, "1")
    for index, entry in enumerate(entries):
        (window,) = spread_windows(entry.num_frames, model.settings.clip, 1)
        start = window.start / float(entry.fps)
        expected = clips.read(index, model)

        found = FileClips(videos / entry.id, start_seconds=start).read(0, model)

        assert torch.equal(found.video, expected.video)
        for one, other in zip(found.audio["real"], expected.audio["real"], strict=True):
            assert torch.equal(one, other)
        assert (found.track is None) == (expected.track is None or not entry.has_audio)
        if found.track is not None and expected.track is not None:
            assert np.array_equal(found.track.samples, expected.track.samples)


def test_read_takes_the_middle_window_and_the_farthest_audio(
    film: Path, make_autoencoder: Make
) -> None:
    model = make_autoencoder()
    middle = FileClips(film).read(0, model)
    first, _, last = (FileClips(film, count=3).read(n, model) for n in range(3))

    assert middle.detail.startswith("0.36 to 0.68 s")
    assert first.detail.startswith("0.00 to 0.32 s")
    assert last.detail.startswith("0.72 to 1.04 s")
    assert set(middle.audio) == {"real", "null", "shuffled"}
    assert torch.equal(middle.audio["shuffled"][0], first.audio["real"][0])
    assert torch.equal(first.audio["shuffled"][0], last.audio["real"][0])
    assert not torch.equal(first.audio["real"][0], last.audio["real"][0])


def test_read_from_a_start_continues_window_by_window(film: Path, make_autoencoder: Make) -> None:
    model = make_autoencoder()
    clips = FileClips(film, start_seconds=0.04, count=2)

    found = [clips.read(index, model).detail for index in range(2)]

    assert [text[:12] for text in found] == ["0.04 to 0.36", "0.36 to 0.68"]
    assert (clips.title, clips.file_name) == ("film.avi (1.0 s)", "film-0.04s")


def test_read_of_a_short_file_repeats_its_last_frame(
    make_video: MakeVideo, make_autoencoder: Make, tmp_path: Path
) -> None:
    short = make_video(tmp_path / "short.avi", frames=3, audio=None)

    found = FileClips(short).read(0, make_autoencoder())

    assert found.detail == ("0.00 to 0.12 s, no audio track, 3 of 8 frames: the last is repeated")
    assert torch.equal(found.video[:, 1], found.video[:, 3])
    assert not found.audio["real"][1].any()
    assert found.track is None
    assert set(found.audio) == {"real", "null"}


def test_read_of_a_truncated_file_shows_what_it_has(
    film: Path, make_autoencoder: Make, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.avi"
    cut.write_bytes(film.read_bytes()[: film.stat().st_size // 3])

    clips = FileClips(cut)
    found = clips.read(0, make_autoencoder())

    assert found.detail.startswith("0.00 to")
    assert any("the first window is used" in warning for warning in clips.warnings)
    with pytest.raises(MediaError, match="no frame in its seconds"):
        FileClips(cut, start_seconds=0.9).read(0, make_autoencoder())


def test_read_for_a_model_of_constant_audio_gives_it_none(
    film: Path, make_autoencoder: Make
) -> None:
    model = make_autoencoder()
    train = model.settings.train.model_copy(update={"protocol": "constant"})
    model = replace(model, settings=model.settings.model_copy(update={"train": train}))

    assert not FileClips(film).read(0, model).audio["real"][1].any()


def test_file_clips_of_what_is_no_video_are_refused(film: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")

    with pytest.raises(MediaError, match=r"text\.mp4"):
        FileClips(tmp_path / "text.mp4")
    with pytest.raises(UsageError, match="no regular file"):
        FileClips(tmp_path)
    with pytest.raises(UsageError, match=r"at 9 s is beyond its end \(expected less than 1\.0 s"):
        FileClips(film, start_seconds=9.0)


def test_read_of_a_window_beyond_the_end_is_refused(film: Path, make_autoencoder: Make) -> None:
    clips = FileClips(film, start_seconds=0.8, count=2)

    with pytest.raises(UsageError, match=r"fewer --clips"):
        clips.read(1, make_autoencoder())
