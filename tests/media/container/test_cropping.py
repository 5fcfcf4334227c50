"""A crop in a container's header: pictures are whole and keep their shape with every ffmpeg."""

import io
import struct
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from avme.media.container.cropping import read_shown_size
from avme.media.container.probe import probe
from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.process import crops_by_container, find_ffmpeg
from tests.video_writer import WRITER

WIDTH, HEIGHT, CROPPED = 96, 64, 48


@pytest.fixture(scope="session")
def cropped_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A white circle of 40 pixels in the middle, to be cropped to half of its width."""
    folder = tmp_path_factory.mktemp("cropped")
    circle = f"color=s={WIDTH}x{HEIGHT}:r=25:d=0.2,format=gray"
    circle += ",geq=lum='if(lt(hypot(X-47.5,Y-31.5),20),235,16)',format=yuv420p"
    plain = folder / "plain.mp4"
    command = [WRITER, "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", circle]
    options = ["-c:v", "libx264", "-qp", "10"]
    subprocess.run([*command, *options, str(plain)], check=True, timeout=60)
    (folder / "clap.mp4").write_bytes(with_clean_aperture(plain.read_bytes()))
    wheel = imageio_ffmpeg.get_ffmpeg_exe()  # ffmpeg 7.1 and later write what they read
    for name in ("clap.mov", "crop.mkv"):
        command = [wheel, "-nostdin", "-loglevel", "error", "-i", str(folder / "clap.mp4")]
        subprocess.run([*command, "-c", "copy", str(folder / name)], check=True, timeout=60)
    return folder


def with_clean_aperture(data: bytes) -> bytes:
    """Insert a `clap` box; `moov` is behind the data, so that no offset moves."""
    clap = struct.pack(">I4s8I", 40, b"clap", CROPPED, 1, HEIGHT, 1, 0, 1, 0, 1)
    content, at, parents = bytearray(data), data.index(b"moov"), []
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = content.index(name, at)
        parents.append(at - 4)
    (size,) = struct.unpack_from(">I", content, parents[-1])
    content[parents[-1] + size : parents[-1] + size] = clap
    for parent in parents:
        (size,) = struct.unpack_from(">I", content, parent)
        struct.pack_into(">I", content, parent, size + len(clap))
    return bytes(content)


def first_frame(path: Path, work: Path, ffmpeg: str) -> tuple[DecodedClip, NDArray[np.uint8]]:
    sink = io.BytesIO()
    media = decode(path, sink, work=work, recipe=Recipe(ffmpeg, 3, None, 13, -60.0, 60.0))
    jpeg = io.BytesIO(sink.getvalue()[: int(media.jpeg_bytes[0])])
    return media, np.asarray(Image.open(jpeg).convert("L"))


@pytest.mark.parametrize("name", ["clap.mp4", "clap.mov", "crop.mkv"])
@pytest.mark.slow
def test_decoded_frames_are_whole_and_keep_their_shape(
    cropped_videos: Path, tmp_path: Path, ffmpeg: str, name: str
) -> None:
    media, picture = first_frame(cropped_videos / name, tmp_path, ffmpeg)
    _, plain = first_frame(cropped_videos / "plain.mp4", tmp_path, ffmpeg)

    rows, columns = np.nonzero(picture > 128)
    assert picture.shape == (HEIGHT, WIDTH)
    assert abs(int(np.ptp(rows)) - 39) <= 1
    assert abs(int(np.ptp(columns)) - 39) <= 1
    assert np.array_equal(picture, plain)
    assert media.warnings == (
        "crop-ignored: the container crops 96x64 to 48x64 pixels, frames are stored whole",
    )


def test_read_shown_size_of_codec_crop_at_the_left_is_exact(
    cropped_videos: Path, tmp_path: Path, ffmpeg: str
) -> None:
    path = tmp_path / "left.mp4"
    crop = "h264_metadata=crop_left=10:crop_right=6:crop_top=2:crop_bottom=4"
    command = [find_ffmpeg(), "-nostdin", "-loglevel", "error"]
    command += ["-i", str(cropped_videos / "plain.mp4"), "-c", "copy", "-bsf:v", crop, str(path)]
    subprocess.run(command, check=True, timeout=60)

    media, picture = first_frame(path, tmp_path, ffmpeg)
    _, plain = first_frame(cropped_videos / "plain.mp4", tmp_path, ffmpeg)

    assert picture.shape == (HEIGHT - 6, WIDTH - 16)
    expected = plain[2:-4, 10:-6].astype(int)
    assert np.abs(picture - expected).mean() < 3  # blocks of the JPEG begin elsewhere
    assert media.warnings == ()


def test_read_shown_size_without_crop_gives_no_warning(
    cropped_videos: Path, tmp_path: Path
) -> None:
    media, _ = first_frame(cropped_videos / "plain.mp4", tmp_path, find_ffmpeg())

    assert probe(cropped_videos / "plain.mp4").shown_size is None
    assert media.warnings == ()


def test_container_crop_is_applied_only_by_newer_ffmpeg(ffmpeg: str) -> None:
    command = [ffmpeg, "-f", "lavfi", "-apply_cropping", "container", "-i", "color=d=0.1"]

    knows_the_option = (
        subprocess.run([*command, "-f", "null", "-"], capture_output=True).returncode == 0
    )

    assert crops_by_container(ffmpeg) == knows_the_option


@pytest.mark.parametrize("name", ["clap.mp4", "crop.mkv"])
@pytest.mark.parametrize("cut", [0, 1, 9, 40, 200])
def test_read_shown_size_of_truncated_header_is_none(
    cropped_videos: Path, tmp_path: Path, name: str, cut: int
) -> None:
    path = tmp_path / name
    path.write_bytes((cropped_videos / name).read_bytes()[:cut])

    assert read_shown_size(path, "mov,mp4" if name == "clap.mp4" else "matroska,webm", 1) is None


def test_read_shown_size_counts_video_tracks_only(cropped_videos: Path) -> None:
    assert read_shown_size(cropped_videos / "clap.mp4", "mov,mp4", 1) == (CROPPED, HEIGHT)
    assert read_shown_size(cropped_videos / "clap.mp4", "mov,mp4", 2) is None
    assert read_shown_size(cropped_videos / "crop.mkv", "matroska,webm", 2) is None
    assert read_shown_size(cropped_videos / "crop.mkv", "avi", 1) is None


def test_read_shown_size_of_rotated_frame_is_rotated(cropped_videos: Path, tmp_path: Path) -> None:
    wheel, turned = imageio_ffmpeg.get_ffmpeg_exe(), tmp_path / "turned.mp4"
    command = [wheel, "-nostdin", "-loglevel", "error", "-display_rotation", "90", "-i"]
    command += [str(cropped_videos / "clap.mp4"), "-c", "copy", str(turned)]
    subprocess.run(command, check=True, timeout=60)

    info = probe(turned)

    assert (info.width, info.height) == (HEIGHT, WIDTH)
    assert info.shown_size == (HEIGHT, CROPPED)
