"""Decoded parts: frames and MFCC of windows, with the reader of prepared clips as the oracle."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avme.config import PrepConfig
from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.errors import SystemRequirementError
from avme.inference import decoded_part
from avme.inference.decoded_part import DecodedPart, decode_part
from avme.media.span import Span
from avme.prep.request import find_recipe
from avme.shards.dataset import PreparedDataset

_PLAIN = {"mean": 13 * [1.0], "deviation": 13 * [2.0]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]) -> DecodedPart:
    """A file of one second."""
    path = make_video(tmp_path_factory.mktemp("part") / "a.avi", frames=25)
    return decode_part(path, find_recipe(PrepConfig()))


def test_rows_equal_those_of_the_prepared_clip(videos: Path, finished: PreparedDataset) -> None:
    entry = next(e for e in finished.entries if "v_Archery_g01_c01" in e.id)
    part = decode_part(next(videos.rglob("v_Archery_g01_c01.avi")), find_recipe(PrepConfig()))
    reader = ClipReader(finished, [entry], _PLAIN)

    for window in (Window(0, 4, 2), Window(4, 4, 2), Window(8, 2, 4)):
        for mine, stored in zip(
            part.rows(window, _PLAIN), reader.audio(entry, window), strict=True
        ):
            torch.testing.assert_close(mine, stored, rtol=0, atol=0)


def test_frames_equal_the_crops_of_the_prepared_clip(
    videos: Path, finished: PreparedDataset
) -> None:
    from avme.data.crop import eval_crops

    entry = next(e for e in finished.entries if "v_Archery_g01_c01" in e.id)
    part = decode_part(next(videos.rglob("v_Archery_g01_c01.avi")), find_recipe(PrepConfig()))
    window, reader = Window(6, 4, 2), ClipReader(finished, [entry], _PLAIN)
    boxes = eval_crops(entry.height, entry.width, 3)

    found = part.frames(window, 16, 3)
    stored = reader.read_crops(entry, window, boxes, 16)

    assert len(found) == 3
    assert all(torch.equal(a, b.permute(0, 2, 3, 1)) for a, b in zip(found, stored, strict=True))
    assert found[0].shape == (4, 16, 16, 3)


def test_seconds_of_window_ends_with_the_last_frame(whole: DecodedPart) -> None:
    assert whole.seconds_of(Window(5, 4, 2)) == pytest.approx((0.2, 0.52))
    assert whole.seconds_of(Window(20, 4, 2)) == pytest.approx((0.8, 1.0))


def test_frame_at_is_the_frame_on_screen(whole: DecodedPart) -> None:
    assert [whole.frame_at(at) for at in (0.0, 0.039, 0.04, 0.5, 9.0)] == [0, 0, 1, 12, 24]


def test_samples_have_the_frequency_of_the_tone(whole: DecodedPart) -> None:
    samples = whole.samples(Window(0, 4, 5))
    assert samples is not None
    spectrum = np.abs(np.fft.rfft(samples))

    assert len(samples) == pytest.approx(0.8 * 16_000)
    assert spectrum.argmax() / 0.8 == pytest.approx(440, abs=2)


def test_samples_after_the_end_are_zero(whole: DecodedPart) -> None:
    samples = whole.samples(Window(20, 4, 5))

    assert samples is not None
    assert samples[:3000].any()
    assert not samples[4000:].any()


def test_decode_part_of_a_span_begins_there(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    path = make_video(tmp_path / "a.avi", frames=50, audio=None)

    part = decode_part(path, find_recipe(PrepConfig()), Span(0.8, 1.2))

    assert (part.num_frames, part.start_seconds) == (10, 0.8)
    assert part.seconds_of(Window(0, 2, 2)) == pytest.approx((0.8, 0.96))
    assert part.samples(Window(0, 2, 2)) is None


def test_decode_part_without_a_temporary_folder_names_tmpdir(
    tmp_path: Path, make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "a.avi")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))

    with pytest.raises(SystemRequirementError, match=r"missing.*TMPDIR"):
        decode_part(path, find_recipe(PrepConfig()))


def test_decode_part_leaves_no_file(
    tmp_path: Path, make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "a.avi")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))

    part = decoded_part.decode_part(path, replace(find_recipe(PrepConfig()), num_cepstra=5))

    assert part.rows(Window(0, 2, 2), {"mean": 5 * [0.0], "deviation": 5 * [1.0]})[1].all()
    assert list((tmp_path / "scratch").iterdir()) == []
