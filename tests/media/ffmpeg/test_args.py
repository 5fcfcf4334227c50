"""One pass decodes all of the audio, alike in all versions of ffmpeg, and without aliases."""

import io
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from avme.media.container.probe import probe
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.demux import AudioTrack, demux
from avme.media.ffmpeg.process import transcode


def decoded(clip: Path, ffmpeg: str, work: Path) -> AudioTrack:
    info, target = probe(clip), work / "out.nut"
    size = info.width, info.height
    arguments = transcode_arguments(ffmpeg, clip, target, info, size=size, jpeg_quality=3)
    transcode(arguments, timeout_seconds=60.0)
    audio = demux(target, io.BytesIO(), work / "out.s16").audio
    assert audio is not None
    return audio


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize(("frequency", "gain_db"), [(7_000, 0.0), (8_500, None), (10_000, None)])
@pytest.mark.slow
def test_transcode_arguments_keep_tones_below_8_khz_and_remove_those_above(
    tmp_path: Path,
    make_video: Callable[..., Path],
    ffmpeg: str,
    rate: int,
    frequency: int,
    gain_db: float | None,
) -> None:
    tone = f"aevalsrc=0.5*sin(2*PI*{frequency}*t):s={rate}"
    clip = make_video(tmp_path / "clip.avi", frames=25, audio=tone)

    audio = decoded(clip, ffmpeg, tmp_path)

    inner = audio.samples[2_000:-2_000].astype(float) / 32_768
    found_db = 10 * np.log10(max(float(np.mean(inner**2)), 1e-12) / (0.5**2 / 2))
    if gain_db is None:
        assert found_db < -80
    else:
        assert found_db == pytest.approx(gain_db, abs=0.1)


def test_transcode_arguments_keep_audio_after_the_last_frame(
    tmp_path: Path, make_film: Callable[..., Path], ffmpeg: str
) -> None:
    longer = ("-f", "lavfi", "-i", "sine=f=440:r=16000:d=3")
    tracks = ("-map", "0:v", "-map", "2:a", "-c:v", "mpeg4", "-c:a", "pcm_s16le")
    film = make_film(tmp_path / "film.mkv", *tracks, inputs=longer, seconds=1)

    audio = decoded(film, ffmpeg, tmp_path)

    assert len(audio.samples) == 3 * 16_000


def test_versions_of_ffmpeg_give_the_same_samples(
    tmp_path: Path, make_video: Callable[..., Path], ffmpeg: str
) -> None:
    noise = "aevalsrc=0.5*sin(880*PI*t)+0.2*(random(0)-0.5)|0.4*(random(1)-0.5):s=44100"
    clip = make_video(tmp_path / "clip.avi", frames=25, audio=noise)
    wheel = str(imageio_ffmpeg.get_ffmpeg_exe())

    one, other = (decoded(clip, binary, tmp_path).samples for binary in (ffmpeg, wheel))

    assert np.array_equal(one, other)
