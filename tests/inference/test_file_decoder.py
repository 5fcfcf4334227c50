"""Decoder of a file: header, parts and warnings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import MediaError
from avme.inference import file_decoder
from avme.inference.file_decoder import FileDecoder


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]) -> Path:
    """A file of two seconds."""
    return make_video(tmp_path_factory.mktemp("decoder") / "a.avi", frames=50)


def test_whole_has_all_frames_and_audio(video: Path) -> None:
    decoder = FileDecoder(video, 13)
    whole = decoder.whole()

    assert whole is not None
    assert (whole.num_frames, decoder.fps, decoder.seconds) == (50, 25.0, 2.0)
    assert (decoder.audio, decoder.warnings) == ("audible", [])


def test_whole_of_a_longer_file_than_promised_is_none(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_decoder, "_MOST_WHOLE_SECONDS", 1.0)

    assert FileDecoder(video, 13).whole() is None


def test_part_that_ends_with_the_file_is_no_short_cut(video: Path) -> None:
    decoder = FileDecoder(video, 13)

    assert decoder.part(0.4, 9.0).num_frames == 40
    assert decoder.warnings == []


def test_part_beyond_the_end_is_an_empty_cut(video: Path) -> None:
    with pytest.raises(MediaError) as caught:
        FileDecoder(video, 13).part(5.0, 6.0)

    assert caught.value.reason == "empty-cut"


def test_frames_from_are_as_many_or_all_that_are_left(video: Path) -> None:
    decoder = FileDecoder(video, 13)

    assert decoder.frames_from(0.4, 16).num_frames == 18
    assert decoder.frames_from(1.6, 16).num_frames == 10


def test_seconds_of_a_transport_stream_are_those_of_its_packets(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    stream = make_video(tmp_path / "a.ts", frames=50, options=("-c:v", "mpeg2video", "-c:a", "mp2"))
    decoder = FileDecoder(stream, 13)

    assert decoder.info.seconds_from_header is None
    assert decoder.seconds == pytest.approx(2.0, abs=0.05)


def test_decoder_of_audio_alone_names_the_missing_frames(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    file = make_video(tmp_path / "a.mkv", options=("-vn",))

    with pytest.raises(MediaError, match="audio but no frames") as caught:
        FileDecoder(file, 13)

    assert caught.value.reason == "no-video"


def test_warnings_are_remembered_once(video: Path) -> None:
    decoder = FileDecoder(video, 13)
    for _ in range(2):
        decoder.warn("odd")

    assert decoder.warnings == ["odd"]
