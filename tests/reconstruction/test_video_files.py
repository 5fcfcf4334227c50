"""MP4 and GIF, read back by other means."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from avme.reconstruction.clip_inputs import Track
from avme.reconstruction.scenes import Scene, layout_of, scene_frames
from avme.reconstruction.strips import Strip
from avme.reconstruction.video_files import scene_seconds, write_gif, write_mp4

pytestmark = pytest.mark.slow


def scene(track: Track | None, gray: int = 40) -> Scene:
    """A clip of 4 frames that grow brighter, half a second each."""
    levels = np.arange(4, dtype=np.uint8) * 50 + gray
    frames = np.broadcast_to(levels[:, None, None, None], (4, 16, 16, 3)).copy()
    pair = (Strip("original", "", frames), Strip("masked input", "", frames))
    return Scene(title="a clip", pairs=[pair], seconds_per_frame=0.5, track=track)


def tone() -> Track:
    """Two seconds: silence, then 440 Hz."""
    seconds = np.arange(32_000) / 16_000
    wave = np.where(seconds >= 1.0, 9000 * np.sin(2 * np.pi * 440 * seconds), 0)
    return Track(wave.astype(np.int16), 16_000)


def test_write_mp4_plays_scenes_at_their_speed_with_their_audio(tmp_path: Path) -> None:
    scenes = [scene(tone()), scene(None)]

    write_mp4(tmp_path / "a.mp4", scenes)

    assert scene_seconds(scenes[0]) == 4.0  # played twice
    with av.open(str(tmp_path / "a.mp4")) as file:
        video: Any = file.streams.video[0]
        assert video.duration * video.time_base == 8
        assert file.streams.audio[0].rate == 16_000
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    with av.open(str(tmp_path / "a.mp4")) as file:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    assert len(frames) == 200
    down, right = layout_of(scenes).corner(0, 0)
    shown = [frame[down + 100, right + 100].mean() for frame in frames]
    middles = [6, 18, 31, 43]  # of frames of half a second, at 25 frames a second
    np.testing.assert_allclose([shown[at] for at in middles], [40, 90, 140, 190], atol=4)
    np.testing.assert_allclose(shown[:50], shown[50:100], atol=3)
    loud = [float(np.abs(heard[16_000 * n + 3000 :][:10_000]).mean()) for n in range(8)]
    assert [level > 0.05 for level in loud] == [False, True, False, True, *4 * [False]]


def test_write_mp4_without_audio_has_no_track(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", [scene(None)])

    with av.open(str(tmp_path / "a.mp4")) as file:
        assert len(file.streams.video) == 1
        assert not file.streams.audio


def test_write_gif_plays_scenes_once_and_loops(tmp_path: Path) -> None:
    scenes = [scene(None), scene(None, gray=60)]

    write_gif(tmp_path / "a.gif", scenes)

    expected = [frame for each in scenes for frame in scene_frames(each, layout_of(scenes))]
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0
        assert getattr(image, "n_frames", 1) == 8
        for number, frame in enumerate(expected):
            image.seek(number)
            assert image.info["duration"] == 500
            apart = np.abs(np.asarray(image.convert("RGB")).astype(int) - frame)
            assert apart.mean() < 3


def test_write_mp4_to_a_folder_that_cannot_be_made_keeps_the_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        write_mp4(tmp_path / "file" / "a.mp4", [scene(None)])
