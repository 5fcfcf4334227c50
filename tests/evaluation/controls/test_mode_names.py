import pytest

from avme.errors import UsageError
from avme.evaluation.controls.mode_names import (
    AUDIO_MODES,
    FRAME_MODES,
    AudioMode,
    FrameMode,
    parse_audio_mode,
    parse_frame_mode,
)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("real", AudioMode("real")),
        ("shuffle-within-class", AudioMode("shuffle-within-class")),
        ("noise@10", AudioMode("noise", 10.0)),
        ("noise@-5.5", AudioMode("noise", -5.5)),
        ("offset=1", AudioMode("offset", 1.0)),
        ("offset=-0.25", AudioMode("offset", -0.25)),
    ],
)
def test_audio_mode_parsed_and_printed_is_the_same(text: str, mode: AudioMode) -> None:
    assert parse_audio_mode(text) == mode
    assert str(mode) == text


def test_audio_mode_with_spare_digits_is_printed_without_them() -> None:
    assert str(parse_audio_mode("offset=1.50")) == "offset=1.5"


@pytest.mark.parametrize("text", list(FRAME_MODES))
def test_frame_mode_parsed_and_printed_is_the_same(text: str) -> None:
    assert parse_frame_mode(text) == FrameMode(text)
    assert str(FrameMode(text)) == text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("shufle", r"unknown mode \(got 'shufle', expected real, .*\): did you mean shuffle\?"),
        ("Presence_Swap", r"did you mean presence-swap\?"),
        ("xyz", r"unknown mode \(got 'xyz', expected real, null, .*presence-swap\)$"),
        ("", "unknown mode"),
        ("noise", r"noise@SNR needs a number \(got 'noise', .*\): write for example noise@10"),
        ("noise@loud", "noise@SNR needs a number"),
        ("noise@nan", "expected -60 to 60 dB"),
        ("noise@1000", "expected -60 to 60 dB"),
        ("noise=10", "write for example noise@10"),
        ("offset", "offset=S needs a number"),
        ("offset@1", "write for example offset=1"),
        ("offset=0", "expected -3600 to 3600 seconds, not 0"),
        ("offset=inf", "offset=S needs a number"),
        ("real=1", "unknown mode"),
    ],
)
def test_audio_mode_that_is_wrong_is_one_line_that_helps(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        parse_audio_mode(text)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["statc", "donor", "noise@10"])
def test_frame_mode_that_is_wrong_names_all_modes(text: str) -> None:
    with pytest.raises(UsageError, match=r"frames: unknown mode .*static, shuffle, reverse, mean"):
        parse_frame_mode(text)


def test_modes_have_a_meaning_of_one_line() -> None:
    meanings = [*AUDIO_MODES.values(), *FRAME_MODES.values()]

    assert all(meaning and "\n" not in meaning for meaning in meanings)
