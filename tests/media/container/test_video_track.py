"""The video stream that holds the film, among previews and other streams."""

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from avme.errors import MediaError
from avme.media.clip_warnings import frame_warnings
from avme.media.container.probe import probe
from avme.media.container.video_track import choose_video
from avme.media.decode import Recipe, decode
from avme.media.span import Span
from tests.video_writer import WRITER

SIZES = {"preview": "32x48", "film": "64x48", "other": "96x48"}


def mux(path: Path, *tracks: tuple[str, int, str]) -> Path:
    """Write video streams, each of a colour and size of its own: (name, frames, disposition)."""
    command = [WRITER, "-nostdin", "-loglevel", "error"]
    for name, frames, _ in tracks:
        source = f"color=c={'red' if name == 'preview' else 'blue'}:s={SIZES[name]}:r=25"
        command += ["-f", "lavfi", "-i", f"{source},trim=end_frame={frames}"]
    command += ["-f", "lavfi", "-i", "sine=d=1:sample_rate=16000", "-c:a", "aac"]
    for number, (name, _, disposition) in enumerate(tracks):
        codec = "mjpeg" if name == "preview" and path.suffix != ".ts" else "mpeg4"
        command += ["-map", str(number), f"-c:v:{number}", codec]
        command += [f"-disposition:v:{number}", disposition]
    subprocess.run([*command, "-map", str(len(tracks)), str(path)], check=True, timeout=60)
    return path


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mov", "clip.mp4", "clip.ts", "clip.avi"])
@pytest.mark.parametrize("mark", ["0", "default"])
def test_choose_video_skips_a_preview_before_the_film(tmp_path: Path, name: str, mark: str) -> None:
    path = mux(tmp_path / name, ("preview", 1, mark), ("film", 25, "default"))

    info = probe(path)

    assert (info.width, info.height) == (64, 48)
    assert list(frame_warnings(info, info.num_frames_from_header or 25)) == [
        "more-video: track 2 of 2 video tracks is used, the first with more than one frame"
    ]


def test_choose_video_gives_all_frames_of_the_film(tmp_path: Path, ffmpeg: str) -> None:
    path = mux(tmp_path / "clip.mkv", ("preview", 1, "0"), ("film", 25, "default"))
    recipe = Recipe(ffmpeg, 3, None, 13, -60.0, 60.0)
    for span, frames in ((None, 25), (Span(0.4, 0.8), 10)):
        with (tmp_path / "jpegs").open("wb") as sink:
            media = decode(path, sink, work=tmp_path, recipe=recipe, span=span)

        with Image.open(tmp_path / "jpegs") as first:
            red, _, blue = np.asarray(first.convert("RGB"))[24, 32]
        assert len(media.pts) == frames
        assert blue > 200 > 50 > red


@pytest.mark.parametrize(
    ("marks", "size", "reason"),
    [
        (("0", "default"), 96, ", the first that the container marks as default"),
        (("default", "0"), 64, ""),
        (("default", "default"), 64, ""),
    ],
)
def test_choose_video_of_two_films_takes_the_default(
    tmp_path: Path, marks: tuple[str, str], size: int, reason: str
) -> None:
    path = mux(tmp_path / "clip.mkv", ("film", 25, marks[0]), ("other", 25, marks[1]))

    info = probe(path)

    assert info.width == size
    (warning,) = frame_warnings(info, 25)
    assert warning.endswith(f" video tracks is used{reason}")


def test_choose_video_takes_the_film_although_the_preview_is_default(tmp_path: Path) -> None:
    path = mux(tmp_path / "clip.mkv", ("preview", 1, "default"), ("film", 25, "0"))

    assert probe(path).width == 64


def test_choose_video_ignores_attached_images(tmp_path: Path) -> None:
    path = mux(tmp_path / "clip.mp4", ("preview", 1, "attached_pic"), ("film", 2, "default"))
    info = probe(path)
    assert (info.width, info.num_video_tracks) == (64, 1)

    cover = mux(tmp_path / "cover.mp4", ("preview", 1, "attached_pic"))
    with av.open(str(cover)) as container:
        assert choose_video(container) is None
    with pytest.raises(MediaError, match="has no video track"):
        probe(cover)


def test_choose_video_takes_one_frame_without_alternative(tmp_path: Path) -> None:
    path = mux(tmp_path / "clip.mkv", ("preview", 1, "0"))

    assert probe(path).width == 32
