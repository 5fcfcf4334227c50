"""Classifiers learn what was planted, and the controls find it and say so."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow
Controls = dict[str, Any]
Judged = Callable[[str], Controls]


def accuracy(found: Controls, *, audio: str = "real", frames: str = "real") -> float:
    """Return the accuracy over all clips under one condition."""
    (row,) = (
        row
        for row in found["table"]
        if (row["audio"], row["frames"], row["clips"]) == (audio, frames, "all")
    )
    return float(row["top1"])


def require_verdicts(found: Controls, **expected: tuple[str, str]) -> None:
    """Check the verdict and the first sentence on some questions."""
    for question, (verdict, sentence) in expected.items():
        said = found["verdict"][question]
        assert (said["verdict"], said["words"].split(". ")[0]) == (verdict, sentence), question


def test_controls_unmask_a_leak_as_presence(judged: Judged) -> None:
    found = judged("leak")

    assert accuracy(found) >= 0.95
    assert accuracy(found, audio="null") == pytest.approx(0.5, abs=0.05)
    assert accuracy(found, audio="presence-swap") <= 0.05
    require_verdicts(
        found,
        audio_gain=("yes", "Audio helps on clips with audio"),
        content=("no", "Audio of any other clip serves as well"),
        class_only=("no", "It does not use what the audio contains"),
        timing=("no", "It does not depend on the timing of the audio"),
        presence=("yes", "Most of the gain is due to the presence of audio"),
        motion=("no", "Frames without motion, or in another order, serve as well"),
    )


def test_controls_after_training_with_donors_find_no_advantage(judged: Judged) -> None:
    found = judged("donor")

    # the color alone gives one half; the same recipe without donors is right on every clip
    assert accuracy(found) <= 0.6
    assert found["verdict"]["audio_gain"]["n"] == 96
    assert found["verdict"]["audio_gain"]["verdict"] != "yes"
    require_verdicts(
        found,
        presence=("not measured", "All clips have audio: its presence separates no classes."),
    )


def test_controls_credit_an_exclusive_or_to_content(judged: Judged) -> None:
    found = judged("xor")

    assert accuracy(found) >= 0.95
    for alone in ({"audio": "null"}, {"frames": "blank"}, {"audio": "shuffle"}):
        assert accuracy(found, **alone) == pytest.approx(0.5, abs=0.15), alone
    require_verdicts(
        found,
        audio_gain=("yes", "Audio helps on clips with audio"),
        content=("yes", "It needs the right audio"),
        class_only=("no", "It needs the audio of the clip itself"),
        timing=("no", "It does not depend on the timing of the audio"),
        presence=("not measured", "All clips have audio: its presence separates no classes."),
        motion=("no", "Frames without motion, or in another order, serve as well"),
    )


def test_shapley_values_of_an_exclusive_or_are_equal_and_sum_to_the_gain(judged: Judged) -> None:
    shapley = judged("xor")["shapley"]
    gain = shapley["gain"]["mean"]

    assert shapley["audio"]["mean"] + shapley["frames"]["mean"] == pytest.approx(gain)
    assert gain == pytest.approx(0.5, abs=0.1)
    assert shapley["audio"]["mean"] == pytest.approx(shapley["frames"]["mean"], abs=0.1)
    # neither gives anything without the other: all of the gain is cooperation
    assert shapley["cooperation"]["interval"][0] > 0.2


def test_controls_credit_synchrony_to_timing(judged: Judged) -> None:
    found = judged("when")

    assert accuracy(found) >= 0.95
    assert accuracy(found, audio="offset=1") <= 0.05
    assert accuracy(found, audio="shuffle-within-class") == pytest.approx(0.5, abs=0.15)
    require_verdicts(
        found,
        audio_gain=("yes", "Audio helps on clips with audio"),
        content=("yes", "It needs the right audio"),
        class_only=("no", "It needs the audio of the clip itself"),
        timing=("yes", "It needs the audio in time with the frames"),
    )


def test_controls_credit_motion(judged: Judged) -> None:
    found = judged("motion")

    assert accuracy(found) >= 0.95
    assert accuracy(found, frames="reverse") <= 0.05
    for frames in ("static", "shuffle", "mean", "blank"):
        assert accuracy(found, frames=frames) == pytest.approx(0.5, abs=0.2), frames
    require_verdicts(found, motion=("yes", "Motion matters"))
    of_audio = ("audio_gain", "content", "class_only", "timing", "presence")
    assert "yes" not in {found["verdict"][question]["verdict"] for question in of_audio}
