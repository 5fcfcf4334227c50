"""Channels that cancel each other out are sound all the same, and no others are touched."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import avme.media.ffmpeg.transcode as passes_module
from avme.errors import MediaError
from avme.media.container.probe import probe
from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.demux import demux
from avme.media.ffmpeg.process import find_ffmpeg, transcode
from avme.media.span import Span
from tests.video_writer import WRITER

TONE = "0.5*sin(440*2*PI*t)"


def clip(path: Path, left: str, right: str) -> Path:
    channels = f"aevalsrc={left}|{right}:d=4:s=48000"
    command = [
        WRITER,
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


def extracted(path: Path, work: Path, span: Span | None = None) -> tuple[DecodedClip, bytes]:
    sink = io.BytesIO()
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0)
    return decode(path, sink, work=work, recipe=recipe, span=span), sink.getvalue()


@pytest.mark.parametrize("span", [None, Span(2.0, 3.0)])
@pytest.mark.slow
def test_transcode_of_cancelling_channels_keeps_one(tmp_path: Path, span: Span | None) -> None:
    opposed, pictures = extracted(clip(tmp_path / "a.avi", TONE, f"-{TONE}"), tmp_path, span)
    alike, same_pictures = extracted(clip(tmp_path / "b.avi", TONE, TONE), tmp_path, span)

    assert (opposed.audio, alike.audio) == ("audible", "audible")
    assert [warning.split(":")[0] for warning in opposed.warnings] == ["audio-cancelled"]
    assert alike.warnings == ()
    assert pictures == same_pictures
    assert len(pictures) == opposed.jpeg_bytes.sum()
    assert np.allclose(opposed.mfcc, alike.mfcc, atol=0.05)
    assert opposed.audio_start_seconds == alike.audio_start_seconds


def test_silence_in_all_channels_stays_silence(tmp_path: Path) -> None:
    media, _ = extracted(clip(tmp_path / "clip.avi", "0", "0"), tmp_path)

    assert media.audio == "silent"
    assert media.warnings == ()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.avi"]


def test_quiet_channels_that_do_not_cancel_stay_silent(tmp_path: Path) -> None:
    media, _ = extracted(clip(tmp_path / "one.avi", "0.0018*sin(440*2*PI*t)", "0"), tmp_path)

    assert media.audio == "silent"
    assert media.warnings == ()


def test_transcode_of_front_channel_is_not_cancelled_by_silent_ones(tmp_path: Path) -> None:
    zeros = "|".join("0" * 5)
    media, _ = extracted(clip(tmp_path / "six.avi", "0.004*sin(440*2*PI*t)", zeros), tmp_path)

    assert media.info.audio is not None
    assert media.info.audio.channels == 6
    assert media.audio == "silent"


@pytest.mark.parametrize("codec", ["pcm_s16le", "mp3"])
@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.slow
def test_extract_stereo_mix_is_that_of_ffmpeg(tmp_path: Path, codec: str, rate: int) -> None:
    noise = [f"anoisesrc=r={rate}:seed={seed}:d=2:a=0.9" for seed in (1, 2)]
    inputs = [word for text in ("color=s=32x16:r=25:d=2", *noise) for word in ("-i", text)]
    inputs = [word for at in range(0, 6, 2) for word in ("-f", "lavfi", *inputs[at : at + 2])]
    join = "[1][2]join=inputs=2:channel_layout=stereo[a]"
    path = tmp_path / "clip.mkv"
    command = [WRITER, "-loglevel", "error", *inputs, "-filter_complex", join]
    command += ["-map", "0:v", "-map", "[a]", "-c:v", "mpeg4", "-c:a", codec, str(path)]
    subprocess.run(command, check=True, timeout=60)
    info = probe(path)
    assert info.audio is not None
    assert info.audio.is_stereo
    sounds = []
    for layout in ("stereo", "downmix"):  # ffmpeg mixes the second itself
        given = replace(info, audio=replace(info.audio, layout=layout))
        nut = tmp_path / "clip.nut"
        arguments = transcode_arguments(
            find_ffmpeg(), path, nut, given, size=(32, 16), jpeg_quality=3
        )
        transcode(arguments, timeout_seconds=60.0)
        sounds.append(demux(nut, io.BytesIO(), tmp_path / f"{layout}.s16").audio)

    ours, theirs = sounds
    assert ours is not None
    assert theirs is not None
    assert (ours.channels is None, theirs.channels is None) == (False, True)
    assert np.array_equal(ours.samples, theirs.samples)
    assert len(ours.samples) > 31_000


def test_transcode_of_undecodable_file_tries_twice(
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
