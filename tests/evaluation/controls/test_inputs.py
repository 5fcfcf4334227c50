from dataclasses import replace

import pytest
import torch

from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.errors import UsageError
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.evaluation.controls.inputs import (
    change_inputs,
    degradation_names,
    parse_changes,
    require_plain_inputs,
)
from avme.evaluation.modality import choose_modality
from avme.models.classifier import Modality

REAL = parse_changes("real", "real", ())


def test_change_inputs_to_real_ones_are_those_of_the_modality(reader: ClipReader) -> None:
    for asked in ("av", "v", "a"):
        modality = choose_modality("av", asked, 13)

        assert change_inputs(modality, REAL, ClipAudio(reader), 0) is modality


def test_change_inputs_replaces_audio_and_frames_and_names_them(reader: ClipReader) -> None:
    modality = choose_modality("av", None, 13)

    found = change_inputs(modality, parse_changes("offset=0.1", "static", ()), ClipAudio(reader), 0)

    assert (found.audio, found.frames) == ("offset=0.1", "static")
    assert replace(found, audio="real", frames="real", audio_sources=(), frame_source=None) == (
        modality
    )
    (source,) = found.audio_sources
    mfcc, valid = source.audio(0, Window(0, 5, 2))
    real, real_valid = reader.audio(reader.entries[0], Window(0, 5, 2))
    assert torch.equal(valid, real_valid)
    assert not torch.equal(mfcc, real)
    frames = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 3, 2, 2)
    assert found.frame_source is not None
    assert (found.frame_source.change_view(0, Window(0, 4, 2), frames) == 2).all()


def test_change_inputs_of_one_half_leaves_the_other_half_to_the_modality(
    reader: ClipReader,
) -> None:
    modality = choose_modality("av", "v", 13)

    found = change_inputs(modality, parse_changes("real", "reverse", ()), ClipAudio(reader), 0)

    assert (found.audio, found.frames) == ("null", "reverse")
    assert found.audio_sources == modality.audio_sources


@pytest.mark.parametrize(
    ("trained", "asked", "audio", "frames", "degrade", "part"),
    [
        (
            "v",
            None,
            "shuffle",
            "real",
            (),
            r"--audio shuffle: the classifier gets no audio with "
            r"modality v \(got audio none, expected real\): score a classifier that uses audio",
        ),
        (
            "a",
            None,
            "real",
            "static",
            (),
            "--frames static: .* score a classifier that uses frames",
        ),
        ("av", "v", "null", "real", (), "got audio null, expected real.: leave --modality v out"),
        ("av", "a", "real", "mean", (), "got frames blank, expected real.: leave --modality a out"),
        ("a", None, "real", "real", ("jpeg=1",), "--degrade jpeg=1: the classifier gets no frames"),
        ("v", None, "real", "real", ("low-pass=1",), "--degrade low-pass=1: .* no audio"),
        ("av", None, "null", "real", ("low-pass=1",), "low-pass=1: real audio alone is degraded"),
    ],
)
def test_change_inputs_that_are_not_used_is_refused(
    reader: ClipReader,
    trained: Modality,
    asked: Modality | None,
    audio: str,
    frames: str,
    degrade: tuple[str, ...],
    part: str,
) -> None:
    modality = choose_modality(trained, asked, 13)

    with pytest.raises(UsageError, match=part):
        change_inputs(modality, parse_changes(audio, frames, degrade), ClipAudio(reader), 0)


def test_change_inputs_degrades_frames_and_audio_by_clip(reader: ClipReader) -> None:
    modality = choose_modality("av", None, 13)
    changes = parse_changes("real", "reverse", ("brightness=5", "low-pass=5"))

    found = change_inputs(modality, changes, ClipAudio(reader), 0)

    assert (found.audio, found.frames) == ("real", "reverse")
    assert found.frame_source is not None
    dark = torch.full((5, 3, 8, 8), 10, dtype=torch.uint8)
    bright = found.frame_source.change_clip(0, dark)
    assert bright.shape == dark.shape
    assert (bright > 100).all()
    (source,) = found.audio_sources
    mfcc, valid = source.audio(0, Window(0, 5, 2))
    real, real_valid = reader.audio(reader.entries[0], Window(0, 5, 2))
    assert torch.equal(valid, real_valid)
    assert not torch.equal(mfcc, real)


@pytest.mark.parametrize(
    ("degrade", "part"),
    [
        (("jpeg",), "--degrade jpeg: one evaluation has one severity .*: write jpeg=3, or add"),
        (("jpeg=1", "h264=2"), r"one degradation of frames at a time \(got jpeg=1, h264=2\)"),
        (("jpg=1",), "did you mean jpeg"),
        (("jpeg=6",), "expected 1 to 5"),
    ],
)
def test_parse_changes_of_one_evaluation_needs_one_severity(
    degrade: tuple[str, ...], part: str
) -> None:
    with pytest.raises(UsageError, match=part):
        parse_changes("real", "real", degrade)


def test_parse_changes_of_the_controls_takes_every_severity_once() -> None:
    found = parse_changes("real", "real", ("jpeg", "jpeg=3", "low-pass=2"), controls=True)

    assert list(map(str, found.degradations)) == [*(f"jpeg={n}" for n in range(1, 6)), "low-pass=2"]


def test_degradation_names_are_short_for_all_severities() -> None:
    found = parse_changes("real", "real", ("jpeg", "low-pass=2", "low-pass=4"), controls=True)

    assert degradation_names(found.degradations) == ["jpeg", "low-pass=2", "low-pass=4"]


@pytest.mark.parametrize(
    ("asked", "audio", "frames", "option"),
    [
        ("v", "real", "real", "--modality v"),
        (None, "null", "real", "--audio null"),
        (None, "real", "static", "--frames static"),
    ],
)
def test_require_plain_inputs_names_the_option_that_the_controls_set(
    asked: Modality | None, audio: str, frames: str, option: str
) -> None:
    modality = choose_modality("av", asked, 13)

    with pytest.raises(UsageError, match=f"--controls: .*got {option} too"):
        require_plain_inputs(modality, parse_changes(audio, frames, ()))
    require_plain_inputs(choose_modality("av", None, 13), parse_changes("real", "real", ()))
