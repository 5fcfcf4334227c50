"""HDR and untagged HD: stored pixels against colours from the formulas of the ITU."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avme.errors import SystemRequirementError
from avme.media.container.color import ColorTags
from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.process import require_filters
from avme.media.span import Span

pytestmark = pytest.mark.slow

RED = (200, 30, 30)
COLORS = (RED, (30, 160, 60), (40, 60, 210), (128, 128, 128))
WHITE_NITS = 203.0
TOLERANCE = 6
"""JPEG at quality 3, 4:2:0, and the rounding of two matrices."""
TO_2020 = np.array(  # ITU-R BT.2087
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)


def pq(nits: np.ndarray) -> np.ndarray:
    """Signal of SMPTE ST 2084."""
    power = (nits / 10_000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def hlg(nits: np.ndarray) -> np.ndarray:
    """Signal of ARIB STD-B67 on a display of 1000 nits (ITU-R BT.2100)."""
    display = nits / 1000.0
    luminance = float(display @ np.array([0.2627, 0.6780, 0.0593]))
    scene = display * luminance ** (1 / 1.2 - 1)
    above = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), above))


def encoded(rgb: tuple[int, int, int], curve: str) -> np.ndarray:
    """R'G'B' of BT.2020 that shows a colour of an SDR picture, with diffuse white at 203 nits."""
    nits = WHITE_NITS * (TO_2020 @ (np.array(rgb) / 255.0) ** 2.4)  # BT.1886
    return pq(nits) if curve == "smpte2084" else hlg(nits)


def ycbcr(rgb: np.ndarray, red: float, blue: float, bits: int) -> list[int]:
    """Limited range, by the weights of red and blue in luma."""
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    differences = [(rgb[2] - luma) / (2 - 2 * blue), (rgb[0] - luma) / (2 - 2 * red)]
    scale = 2 ** (bits - 8)
    codes = [(16 + 219 * luma) * scale, *((128 + 224 * d) * scale for d in differences)]
    return [round(float(code)) for code in codes]


def film(
    path: Path, ffmpeg: str, codes: list[int], size: tuple[int, int], bits: int, *tags: str
) -> Path:
    """Four pictures of one colour, lossless; `tags` are options of ffmpeg."""
    width, height = size
    kind = np.dtype("<u2") if bits > 8 else np.dtype("u1")
    planes = [
        np.full((height, width), codes[0], kind),
        *(np.full((height // 2, width // 2), code, kind) for code in codes[1:]),
    ]
    raw = b"".join(plane.tobytes() for plane in planes) * 4
    pixels = "yuv420p10le" if bits > 8 else "yuv420p"
    command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y", "-f", "rawvideo"]
    command += ["-pix_fmt", pixels, "-s", f"{width}x{height}", "-r", "25", *tags, "-i", "pipe:0"]
    command += ["-c:v", "ffv1", *tags, f"file:{path}"]
    subprocess.run(command, input=raw, check=True, timeout=60)
    return path


def hdr_film(path: Path, ffmpeg: str, rgb: tuple[int, int, int], curve: str) -> Path:
    codes = ycbcr(encoded(rgb, curve), 0.2627, 0.0593, 10)
    tags = ("-color_trc", curve, "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
    return film(path, ffmpeg, codes, (64, 48), 10, *tags, "-color_range", "tv")


def stored(
    path: Path, work: Path, recipe: Recipe, span: Span | None = None
) -> tuple[DecodedClip, np.ndarray]:
    """What was extracted, and the mean colour of its first JPEG."""
    sink = io.BytesIO()
    media = decode(path, sink, work=work, recipe=recipe, span=span)
    with Image.open(io.BytesIO(sink.getvalue()[: media.jpeg_bytes[0]])) as picture:
        assert picture.size == (media.width, media.height)
        return media, np.asarray(picture.convert("RGB")).reshape(-1, 3).mean(axis=0)


@pytest.fixture
def recipe(ffmpeg: str) -> Recipe:
    return Recipe(ffmpeg, 3, None, 13, -60.0, 60.0)


@pytest.mark.parametrize(("curve", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
@pytest.mark.parametrize("rgb", COLORS)
def test_hdr_is_tone_mapped_to_its_displayed_color(
    tmp_path: Path, ffmpeg: str, recipe: Recipe, rgb: tuple[int, int, int], curve: str, name: str
) -> None:
    path = hdr_film(tmp_path / "clip.mkv", ffmpeg, rgb, curve)

    media, color = stored(path, tmp_path, replace(recipe, tonemap=True))

    assert np.abs(color - rgb).max() <= TOLERANCE
    assert media.warnings == (f"hdr: {name}, tone-mapped to BT.709",)


def test_hdr_without_tags_of_matrix_and_primaries_is_taken_for_bt2020(
    tmp_path: Path, ffmpeg: str, recipe: Recipe
) -> None:
    codes = ycbcr(encoded(RED, "smpte2084"), 0.2627, 0.0593, 10)
    path = film(tmp_path / "clip.mkv", ffmpeg, codes, (64, 48), 10, "-color_trc", "smpte2084")

    _, color = stored(path, tmp_path, replace(recipe, tonemap=True))

    assert np.abs(color - RED).max() <= TOLERANCE


@pytest.mark.parametrize("curve", ["smpte2084", "arib-std-b67"])
def test_hdr_without_tone_mapping_keeps_its_curve_and_warns(
    tmp_path: Path, ffmpeg: str, recipe: Recipe, curve: str
) -> None:
    path = hdr_film(tmp_path / "clip.mkv", ffmpeg, RED, curve)

    media, color = stored(path, tmp_path, recipe)

    assert np.abs(color - 255 * encoded(RED, curve)).max() <= TOLERANCE
    assert [warning.split(":")[0] for warning in media.warnings] == ["hdr"]


def test_odd_sizes_and_cuts_are_tone_mapped_too(
    tmp_path: Path, ffmpeg: str, recipe: Recipe
) -> None:
    path = hdr_film(tmp_path / "clip.mkv", ffmpeg, RED, "smpte2084")
    small = replace(recipe, tonemap=True, short_side=33)

    media, color = stored(path, tmp_path, small, Span(0.04, 0.12))

    assert (media.width, media.height, len(media.pts)) == (44, 33, 2)
    assert np.abs(color - RED).max() <= TOLERANCE


@pytest.mark.parametrize("size", [(1280, 720), (1280, 536), (720, 1280)])
def test_untagged_hd_is_read_by_the_setting_and_warns(
    tmp_path: Path, ffmpeg: str, recipe: Recipe, size: tuple[int, int]
) -> None:
    codes = ycbcr(np.array(RED) / 255.0, 0.2126, 0.0722, 8)
    path = film(tmp_path / "clip.mkv", ffmpeg, codes, size, 8)

    media, color = stored(path, tmp_path, recipe)
    asked, right = stored(path, tmp_path, replace(recipe, untagged_hd_is_bt709=True))

    assert np.abs(color - (184, 13, 31)).max() <= TOLERANCE  # what BT.601 makes of it
    assert np.abs(right - RED).max() <= TOLERANCE
    assert [one.warnings[0].split(":")[0] for one in (media, asked)] == ["untagged-hd"] * 2
    assert "BT.601" in media.warnings[0]
    assert asked.warnings[0].endswith("is read as BT.709")


@pytest.mark.parametrize("as_bt709", [False, True])
def test_tagged_hd_and_untagged_sd_are_read_as_ever(
    tmp_path: Path, ffmpeg: str, recipe: Recipe, as_bt709: bool
) -> None:
    red = np.array(RED) / 255.0
    hd, sd = ycbcr(red, 0.2126, 0.0722, 8), ycbcr(red, 0.299, 0.114, 8)
    asked = replace(recipe, untagged_hd_is_bt709=as_bt709, tonemap=as_bt709)
    films = (
        film(tmp_path / "hd.mkv", ffmpeg, hd, (1280, 720), 8, "-colorspace", "bt709"),
        film(tmp_path / "sd.mkv", ffmpeg, sd, (704, 576), 8),
    )

    for path in films:
        media, color = stored(path, tmp_path, asked)
        assert np.abs(color - RED).max() <= TOLERANCE
        assert media.warnings == ()


def test_rgb_frames_are_never_untagged() -> None:
    assert ColorTags().is_untagged_hd(1920, 1080)
    assert not ColorTags(is_yuv=False).is_untagged_hd(1920, 1080)
    assert not ColorTags(matrix=5).is_untagged_hd(1920, 1080)
    assert not ColorTags(transfer=16).is_untagged_hd(1920, 1080)


def test_color_filter_that_ffmpeg_lacks_is_named(tmp_path: Path, ffmpeg: str) -> None:
    require_filters(ffmpeg, ("zscale", "tonemap"))
    poor = tmp_path / "ffmpeg"
    poor.write_text("#!/bin/sh\necho ' ... tonemap  V->V  Conversion'\n")
    poor.chmod(0o755)

    with pytest.raises(
        SystemRequirementError, match="has no filter zscale, which hdr=tonemap needs"
    ):
        require_filters(str(poor), ("tonemap", "zscale"))
