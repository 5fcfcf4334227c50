"""Annotated videos: decoded again, they have the length, the audio and the labels."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from avme.errors import MediaError
from avme.inference.annotate import annotate, draw_label, write_labels
from avme.inference.prediction import Prediction, TimelineSpan, WindowScores
from avme.media.container.probe import probe


def span(label: str, start: float = 0.0) -> TimelineSpan:
    return TimelineSpan(start, start + 1.0, label, 0.93, 1)


def prediction(name: str, *labels: str) -> Prediction:
    return Prediction(
        name=name,
        classes=("a", "b"),
        probability=np.array([0.9, 0.1]),
        windows=tuple(
            WindowScores(
                index=index,
                start_seconds=float(index),
                end_seconds=index + 1.0,
                top=((label, 0.9),),
                has_audio=True,
            )
            for index, label in enumerate(labels)
        ),
        num_views=len(labels),
        seconds=float(len(labels)),
        audio="audible",
        notes=(),
    )


@pytest.mark.slow
@pytest.mark.parametrize("audio", ["sine=frequency=440:sample_rate=16000", None])
def test_annotate_keeps_frames_and_audio_and_changes_the_label(
    tmp_path: Path, make_video: Callable[..., Path], audio: str | None
) -> None:
    source = make_video(tmp_path / "it's, a [test];%d.avi", frames=50, size="160x90", audio=audio)
    target = tmp_path / "out" / "labeled.mp4"
    annotate(source, target, probe(source), prediction("a", "a", "a" * 40))

    with av.open(str(target)) as container:
        assert len(container.streams.audio) == (audio is not None)
        assert container.streams.video[0].codec_context.name == "h264"
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(frames) == 50
    assert frames[0].shape == (90, 160, 3)
    white = [int((frame[-14:].mean(axis=-1) > 180).sum()) for frame in frames]
    assert white[2] > 10
    assert white[22] == pytest.approx(white[2], rel=0.2)
    assert white[40] > 1.5 * white[2]
    if audio:
        with av.open(str(target)) as container:
            samples = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
        assert len(samples) / 16_000 == pytest.approx(2.0, abs=0.1)
        assert np.abs(samples).max() > 0.05


def test_annotate_of_a_broken_file_leaves_no_output(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    source = make_video(tmp_path / "a.avi")
    info = probe(source)
    source.write_bytes(b"nothing")

    with pytest.raises(MediaError, match=r"a\.avi cannot be annotated"):
        annotate(source, tmp_path / "out.mp4", info, prediction("a", "a"))

    assert not (tmp_path / "out.mp4").exists()


def test_draw_label_shortens_a_long_name() -> None:
    short, long = draw_label(span("Archery"), (320, 20)), draw_label(span("x" * 900), (320, 20))

    assert short.shape == long.shape == (20, 320, 3)
    assert short[:, 200:].max() == 0
    assert long[:, -3:].max() == 0
    assert long[:, 200:].max() > 180


def test_draw_label_of_control_characters_draws_one_line() -> None:
    assert draw_label(span("a\nb\x1b[31m"), (320, 20)).max() > 180


def test_write_labels_has_a_frame_for_each_span(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.nut", (span("a", 0.3), span("b", 3600.25)), (64, 16))

    with av.open(str(tmp_path / "a.nut")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([0.0, 3600.25])
