import numpy as np
import pytest

from avme.corruptions.degradation import Degradation
from avme.evaluation.controls.conditions import (
    BATTERY_AUDIO,
    BATTERY_FRAMES,
    CLEAN,
    NEITHER,
    NO_AUDIO,
    SHUFFLE,
    Condition,
    audio_conditions,
)
from avme.evaluation.controls.mode_names import AUDIO_MODES, FRAME_MODES, AudioMode, FrameMode
from tests.evaluation.controls.outcomes import draw_outcomes

JPEG = Degradation("jpeg", 3, "frames")
LOW_PASS = Degradation("low-pass", 2, "audio")


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        (CLEAN, "real"),
        (NEITHER, "audio null, frames blank"),
        (Condition(audio=AudioMode("noise", 10.0)), "audio noise@10"),
        (Condition(frames=FrameMode("static"), degradation=JPEG), "frames static, jpeg=3"),
    ],
)
def test_condition_is_named_by_what_it_changes(condition: Condition, name: str) -> None:
    assert str(condition) == name


def test_battery_has_twelve_audio_modes_of_every_kind_and_all_frame_modes() -> None:
    assert len(BATTERY_AUDIO) == 12
    assert {mode.kind for mode in BATTERY_AUDIO} == {
        name.partition("@")[0].partition("=")[0] for name in AUDIO_MODES
    }
    assert {"real", *(mode.kind for mode in BATTERY_FRAMES)} == set(FRAME_MODES)


def test_audio_conditions_keep_the_frames() -> None:
    assert {condition.frames for condition in audio_conditions()} == {FrameMode()}
    assert audio_conditions()[0] == CLEAN


def test_drop_is_what_a_condition_loses() -> None:
    outcomes = draw_outcomes(lambda condition: 0.9 if condition == CLEAN else 0.4)

    drop = outcomes.drop(NO_AUDIO)

    assert set(drop.tolist()) == {0, 1}
    assert drop.mean() == pytest.approx(
        outcomes.correct[CLEAN].mean() - outcomes.correct[NO_AUDIO].mean()
    )
    assert np.array_equal(outcomes.drop(CLEAN, NO_AUDIO), -drop)


def test_why_not_names_the_reason_or_the_condition() -> None:
    outcomes = draw_outcomes(lambda condition: 0.5, only={SHUFFLE: "one group"})

    assert not outcomes.has(CLEAN, SHUFFLE)
    assert outcomes.why_not(CLEAN, SHUFFLE) == "one group"
    unknown = Condition(degradation=JPEG)
    assert outcomes.why_not(unknown) == "jpeg=3 is not among the conditions"


def test_condition_changes_frames_or_audio_by_the_modality_of_its_degradation() -> None:
    frames, audio = Condition(degradation=JPEG), Condition(degradation=LOW_PASS)

    assert frames.frame_change == (FrameMode(), JPEG)
    assert frames.audio_change == (AudioMode(), None)
    assert audio.frame_change == CLEAN.frame_change == (FrameMode(), None)
    assert audio.audio_change == (AudioMode(), LOW_PASS)
