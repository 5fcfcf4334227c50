"""Channels that cancel each other out are sound all the same, and no others are touched."""

import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import avme.media.decode as extract_module
import avme.media.ffmpeg.transcode as passes_module
from avme.errors import MediaError
from avme.media.container.probe import MediaInfo
from avme.media.decode import Extracted, Recipe, extract
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.span import Span

TONE = "0.5*sin(440*2*PI*t)"


def clip(path: Path, left: str, right: str) -> Path:
    channels = f"aevalsrc={left}|{right}:d=4:s=48000"
    command = [
        find_ffmpeg(),
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=96x64:r=25:d=4",
    ]
    command += ["-f", "lavfi", "-i", channels, "-c:v", "mpeg4", "-c:a", "pcm_s16le", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def extracted(path: Path, work: Path, span: Span | None = None) -> tuple[Extracted, bytes]:
    sink = io.BytesIO()
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0)
    return extract(path, sink, work=work, recipe=recipe, span=span), sink.getvalue()


@pytest.mark.parametrize("span", [None, Span(2.0, 3.0)])
def test_channels_that_cancel_each_other_out_are_heard_by_the_first(
    tmp_path: Path, span: Span | None
) -> None:
    opposed, pictures = extracted(clip(tmp_path / "a.avi", TONE, f"-{TONE}"), tmp_path, span)
    alike, same_pictures = extracted(clip(tmp_path / "b.avi", TONE, TONE), tmp_path, span)

    assert (opposed.audio, alike.audio) == ("sound", "sound")
    assert [remark.split(":")[0] for remark in opposed.remarks] == ["sound-cancelled"]
    assert alike.remarks == ()
    assert pictures == same_pictures
    assert len(pictures) == opposed.jpeg_bytes.sum()
    assert np.allclose(opposed.mfcc, alike.mfcc, atol=0.05)
    assert opposed.sound_start_seconds == alike.sound_start_seconds


def test_silence_in_all_channels_stays_silence(tmp_path: Path) -> None:
    media, _ = extracted(clip(tmp_path / "clip.avi", "0", "0"), tmp_path)

    assert media.audio == "silent"
    assert media.remarks == ()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.avi"]


def test_quiet_channels_that_do_not_cancel_stay_silent(tmp_path: Path) -> None:
    media, _ = extracted(clip(tmp_path / "one.avi", "0.0018*sin(440*2*PI*t)", "0"), tmp_path)

    assert media.audio == "silent"
    assert media.remarks == ()


def test_a_front_channel_of_many_is_not_cancelled_by_silent_ones(tmp_path: Path) -> None:
    zeros = "|".join("0" * 5)
    media, _ = extracted(clip(tmp_path / "six.avi", "0.004*sin(440*2*PI*t)", zeros), tmp_path)

    assert media.info.audio is not None
    assert media.info.audio.channels == 6
    assert media.audio == "silent"


def test_a_clip_is_kept_whose_first_channel_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = passes_module.transcode_clip

    def fail_at_last(source: Path, target: Path, info: MediaInfo, *rest: Any) -> tuple[str, bool]:
        if info.audio is not None and info.audio.channel is not None:
            raise MediaError("no time left", reason="timeout")
        return real(source, target, info, *rest)

    monkeypatch.setattr(extract_module, "transcode_clip", fail_at_last)
    media, _ = extracted(clip(tmp_path / "a.avi", TONE, f"-{TONE}"), tmp_path)

    assert media.audio == "silent"
    assert len(media.pts) == 100


def test_a_file_that_nobody_decodes_is_tried_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def fail(arguments: list[str], **_: Any) -> str:
        tries.append(" ".join(arguments))
        if len(tries) == 1:
            raise MediaError("ffmpeg ended with code 1: a hiccup", reason="undecodable")
        raise MediaError("ffmpeg ended with code 1: another", reason="undecodable")

    monkeypatch.setattr(passes_module, "transcode", fail)
    with pytest.raises(MediaError):
        extracted(clip(tmp_path / "a.avi", TONE, TONE), tmp_path)

    assert len(tries) == 2
    assert not any("PREV_OUTPTS" in line for line in tries)
