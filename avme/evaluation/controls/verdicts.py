"""Verdicts of a battery of controls: one word and one sentence for each question.

`yes`: the interval of the effect lies above zero. `no`: the interval of the effect less the
smallest effect that counts lies below zero; that is half of the gain, and at least 2 points.
Otherwise `cannot tell`. Where several conditions answer one question, the intervals are wider by
Bonferroni's correction.

Shape letters: n clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Bool

from avme.evaluation.contrasts import Estimate, estimate_means
from avme.evaluation.controls.conditions import (
    CLEAN,
    NO_AUDIO,
    NO_FRAMES,
    SHUFFLE,
    WITHIN_CLASS,
    Condition,
    Outcomes,
)
from avme.evaluation.controls.mode_names import AudioMode, FrameMode
from avme.evaluation.intervals import LEVEL

Word = Literal["yes", "no", "cannot tell", "not measured"]
OPEN: Final = "cannot tell"
SMALLEST: Final = 0.02
"""Smallest effect that counts, as a share of clips."""
PRESENCE_SWAP: Final = Condition(audio=AudioMode("presence-swap"))
MOTION: Final = tuple(Condition(frames=FrameMode(k)) for k in ("static", "shuffle", "reverse"))
"""Conditions that decide on motion: all of real frames. `mean` also changes how a frame looks."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Answer to one question; the effect is a difference of accuracies as a share of clips."""

    verdict: Word
    words: str
    effect: Estimate | None = None

    def as_record(self) -> dict[str, Any]:
        """Return the verdict as JSON; without an effect its numbers are null."""
        effect = self.effect
        return {
            "verdict": self.verdict,
            "words": self.words,
            "difference": effect.mean if effect else None,
            "interval": [effect.low, effect.high] if effect else None,
            "n": effect.n if effect else 0,
        }


def judge(outcomes: Outcomes) -> dict[str, Verdict]:
    """Return the verdict on each question, by its key in controls.json."""
    content = judge_content(outcomes)
    return {
        "audio_gain": judge_audio_gain(outcomes),
        "content": content,
        "class_only": judge_class_only(outcomes, content.verdict),
        "timing": judge_timing(outcomes),
        "presence": judge_presence(outcomes),
        "motion": judge_motion(outcomes),
    }


def judge_audio_gain(outcomes: Outcomes) -> Verdict:
    """Return whether clips that hear audio gain from it: real against null.

    Where all hear audio, of donors too, all clips count: of a classifier that prefers the classes
    with audio, those with audio alone would be right more often without any gain.
    """
    if reason := _cannot_measure(outcomes, CLEAN, NO_AUDIO):
        return Verdict("not measured", reason)
    gain = outcomes.drop(NO_AUDIO)
    word, effect = _decide({"": gain}, None, outcomes, outcomes.hearing)
    words = {
        "yes": "Audio helps on clips with audio.",
        "no": "Audio harms on clips with audio."
        if effect.high < 0
        else "Audio does not help on clips with audio.",
        OPEN: "Whether audio helps on clips with audio is open.",
    }[word]
    return Verdict(word, f"{words} Real less null: {_points(effect)}.", effect)


def judge_content(outcomes: Outcomes) -> Verdict:
    """Return whether the right audio is needed: real against shuffle."""
    if reason := _cannot_measure(outcomes, CLEAN, NO_AUDIO, SHUFFLE):
        return Verdict("not measured", reason)
    drop, gain = outcomes.drop(SHUFFLE), outcomes.drop(NO_AUDIO)
    word, effect = _decide({"": drop}, gain, outcomes, outcomes.audible)
    words = {
        "yes": "It needs the right audio.",
        "no": "Audio of any other clip serves as well.",
        OPEN: "Whether it needs the right audio is open.",
    }[word]
    return Verdict(word, f"{words} Real less shuffle: {_points(effect)}.", effect)


def judge_class_only(outcomes: Outcomes, content: Word) -> Verdict:
    """Return whether any audio of the class serves: real against a shuffle within classes.

    Args:
        outcomes: Outcomes of the battery.
        content: Verdict on the content of the audio; without it there is nothing to divide.
    """
    if reason := _cannot_measure(outcomes, CLEAN, NO_AUDIO, WITHIN_CLASS):
        return Verdict("not measured", reason)
    among = outcomes.audible & (outcomes.owner[WITHIN_CLASS] != np.arange(len(outcomes.label)))
    if not among.any():
        return Verdict("not measured", "No class has audio of two groups.")
    drop, gain = outcomes.drop(WITHIN_CLASS), outcomes.drop(NO_AUDIO)
    needs_own, effect = _decide({"": drop}, gain, outcomes, among)
    numbers = f"Real less shuffle-within-class: {_points(effect)}."
    if needs_own == "yes":
        return Verdict("no", f"It needs the audio of the clip itself. {numbers}", effect)
    if content == "no":
        return Verdict("no", f"It does not use what the audio contains. {numbers}", effect)
    if needs_own == "no" and content == "yes":
        return Verdict("yes", f"Any audio of the class serves as well. {numbers}", effect)
    return Verdict(OPEN, f"Whether audio of the class suffices is open. {numbers}", effect)


def judge_timing(outcomes: Outcomes) -> Verdict:
    """Return whether the timing of the audio matters: real against offsets."""
    offsets = [each for each in outcomes.correct if _is_offset(each)]
    if reason := _cannot_measure(outcomes, CLEAN, NO_AUDIO):
        return Verdict("not measured", reason)
    if not offsets:
        return Verdict("not measured", "No offset is among the conditions.")
    drops = {str(each.audio): outcomes.drop(each) for each in offsets}
    word, effect = _decide(drops, outcomes.drop(NO_AUDIO), outcomes, outcomes.audible)
    words = {
        "yes": "It needs the audio in time with the frames.",
        "no": "It does not depend on the timing of the audio.",
        OPEN: "Whether the timing of the audio matters is open.",
    }[word]
    return Verdict(word, f"{words} Real less the worst offset: {_points(effect)}.", effect)


def judge_presence(outcomes: Outcomes) -> Verdict:
    """Return whether the gain is due to the presence of audio: shuffle against null.

    The gain is the sum of what the right audio adds to wrong audio, and of what wrong audio adds
    to none. The second part is presence.
    """
    if reason := _cannot_measure(outcomes, CLEAN, NO_AUDIO, SHUFFLE):
        return Verdict("not measured", reason)
    if outcomes.hearing.all():
        return Verdict("not measured", "All clips have audio: its presence separates no classes.")
    part, gain = outcomes.drop(NO_AUDIO, SHUFFLE), outcomes.drop(NO_AUDIO)
    word, effect = _decide({"": part}, gain, outcomes, outcomes.audible)
    most = estimate_means({"": part - 0.5 * gain}, outcomes.groups, outcomes.audible)[""]
    if word == "yes" and most.low <= 0:
        word = "no" if most.high < 0 else OPEN
    words = {
        "yes": "Most of the gain is due to the presence of audio.",
        "no": "The presence of audio is not what helps.",
        OPEN: "Whether the presence of audio helps is open.",
    }[word]
    swapped = ""
    if outcomes.has(PRESENCE_SWAP):
        everyone = np.ones_like(outcomes.audible)
        loss = estimate_means({"": outcomes.drop(PRESENCE_SWAP)}, outcomes.groups, everyone)[""]
        swapped = f" Real less presence-swap, all clips: {_points(loss.within(-1.0))}."
    return Verdict(word, f"{words} Shuffle less null: {_points(effect)}.{swapped}", effect)


def judge_motion(outcomes: Outcomes) -> Verdict:
    """Return whether motion matters: real frames against static, shuffled and reversed ones."""
    if not outcomes.has(CLEAN, NO_FRAMES, *MOTION):
        return Verdict("not measured", f"{outcomes.why_not(CLEAN, NO_FRAMES, *MOTION)}.")
    drops = {str(each.frames): outcomes.drop(each) for each in MOTION}
    everyone = np.ones_like(outcomes.audible)
    word, effect = _decide(drops, outcomes.drop(NO_FRAMES), outcomes, everyone)
    words = {
        "yes": "Motion matters.",
        "no": "Frames without motion, or in another order, serve as well.",
        OPEN: "Whether motion matters is open.",
    }[word]
    each = ", ".join(f"{name} {100 * drop.mean():+.1f}" for name, drop in drops.items())
    return Verdict(word, f"{words} Loss in points: {each}; the largest {_points(effect)}.", effect)


def _decide(
    effects: Mapping[str, np.ndarray],
    gain: np.ndarray | None,
    outcomes: Outcomes,
    among: Bool[np.ndarray, " n"],
) -> tuple[Word, Estimate]:
    """Return the verdict on one of several effects, and the estimate that decided it."""
    level = 1 - (1 - LEVEL) / len(effects)
    half = 0.0 if gain is None else 0.5 * float(gain[among].mean())
    threshold = SMALLEST if gain is None or half < SMALLEST else 0.5 * gain
    values = {f"effect {name}": each for name, each in effects.items()}
    values |= {f"beyond {name}": each - threshold for name, each in effects.items()}
    means = estimate_means(values, outcomes.groups, among, level=level)
    found = [means[f"effect {name}"] for name in effects]
    clear = max(found, key=lambda each: each.low)
    if clear.low > 0:
        return "yes", clear.within(-1.0)
    is_small = all(
        _upper(
            means[f"beyond {name}"], means[f"effect {name}"], is_constant=not np.ptp(each[among])
        )
        < 0
        for name, each in effects.items()
    )
    return "no" if is_small else OPEN, max(found, key=lambda each: each.mean).within(-1.0)


def _upper(beyond: Estimate, effect: Estimate, *, is_constant: bool) -> float:
    """Return the upper limit of an effect less the smallest that counts.

    An effect that no resample changes adds nothing to the bootstrap: its own limit is added, as
    that of an independent error.
    """
    slack = effect.high - effect.mean if is_constant else 0.0
    return beyond.mean + float(np.hypot(beyond.high - beyond.mean, slack))


def _cannot_measure(outcomes: Outcomes, *conditions: Condition) -> str:
    """Return the reason why a question on audio cannot be answered; empty if it can."""
    if not outcomes.has(*conditions):
        return f"{outcomes.why_not(*conditions)}."
    return "" if outcomes.audible.any() else "No clip of the list has audio."


def _is_offset(condition: Condition) -> bool:
    return condition == Condition(audio=condition.audio) and condition.audio.kind == "offset"


def _points(effect: Estimate) -> str:
    """Return an effect in points of accuracy, with its interval and clips."""
    low, high = 100 * effect.low, 100 * effect.high
    return f"{100 * effect.mean:+.1f} points ({low:+.1f} to {high:+.1f}, n = {effect.n})"
