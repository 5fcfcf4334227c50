from collections.abc import Sequence

import numpy as np
import pytest
import torch

from avme.corruptions.degradation import Degradation
from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.data.view_sources import AudioSource, FrameSource
from avme.evaluation.controls.battery import plan_battery, run_battery
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.evaluation.controls.conditions import (
    BATTERY_AUDIO,
    CLEAN,
    NEITHER,
    NO_AUDIO,
    NO_FRAMES,
    SHUFFLE,
    WITHIN_CLASS,
    Condition,
    Outcomes,
)
from avme.evaluation.controls.mode_names import AudioMode
from avme.models.classifier import Modality
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts
from avme.train.evaluator import EvalScores
from tests.pipeline import Notes

JPEG = Degradation("jpeg", 3, "frames")
LOW_PASS = Degradation("low-pass", 2, "audio")


class Listener:
    """A classifier that is right where the audio is the clip's own and the frames are real."""

    def __init__(self, reader: ClipReader) -> None:
        self.reader = reader
        self.calls: list[tuple[int, bool]] = []

    def __call__(
        self, audio: Sequence[AudioSource], frames: FrameSource | None, title: str
    ) -> list[EvalScores]:
        self.calls.append((len(audio), frames is not None))
        return [self._scores(source, frames is None) for source in audio]

    def _scores(self, source: AudioSource, is_real: bool) -> EvalScores:
        label = np.array([entry.label for entry in self.reader.entries])
        probability = np.full((len(label), 2), 0.2)
        for index, entry in enumerate(self.reader.entries):
            window = Window(0, entry.num_frames, 1)
            own = torch.equal(source.audio(index, window)[0], self.reader.audio(entry, window)[0])
            probability[index, label[index] if own and is_real else 1 - label[index]] = 0.8
        return EvalScores(label, probability, np.ones(len(label), np.int64), probability)


def run(
    reader: ClipReader, modality: Modality = "av", degradations: tuple[Degradation, ...] = ()
) -> tuple[Outcomes, list[str], Listener]:
    listener, lines = Listener(reader), list[str]()
    outcomes, real = run_battery(
        plan_battery(modality, degradations),
        ClipAudio(reader),
        listener,
        seed=0,
        report=Notes(lines),
    )
    assert np.array_equal(real.correct(1), outcomes.correct[CLEAN])
    return outcomes, lines, listener


def test_plan_battery_of_an_av_classifier_begins_with_real_and_has_both_absent() -> None:
    plan = plan_battery("av", [JPEG, LOW_PASS])

    assert plan[0] == CLEAN
    assert len(plan) == len(set(plan)) == 12 + 5 + 1 + 2 + 1
    assert {NO_AUDIO, NO_FRAMES, NEITHER} <= set(plan)


@pytest.mark.parametrize(("modality", "count"), [("v", 6), ("a", 12)])
def test_plan_battery_of_one_modality_leaves_the_other_as_it_is(
    modality: Modality, count: int
) -> None:
    plan = plan_battery(modality)

    assert plan[0] == CLEAN
    assert len(plan) == count
    assert len({each.audio if modality == "v" else each.frames for each in plan}) == 1


def test_run_battery_decodes_once_for_all_audio_of_the_same_frames(reader: ClipReader) -> None:
    _, lines, listener = run(reader)

    assert listener.calls == [(12, False), *[(1, True)] * 4, (2, True)]
    assert lines == []


def test_run_battery_with_degradations_decodes_again_for_frames_alone(reader: ClipReader) -> None:
    outcomes, _, listener = run(reader, degradations=(JPEG, LOW_PASS))

    assert listener.calls == [(13, False), *[(1, True)] * 4, (2, True), (2, True)]
    degraded = outcomes.correct[Condition(degradation=LOW_PASS)]
    assert not degraded[outcomes.audible].any()
    assert degraded[~outcomes.audible].all()


def test_plan_battery_of_a_v_classifier_degrades_frames_with_real_audio_alone() -> None:
    assert plan_battery("v", [JPEG])[-1] == Condition(degradation=JPEG)
    assert len(plan_battery("v", [JPEG])) == 7


def test_run_battery_gives_every_condition_its_audio(reader: ClipReader) -> None:
    outcomes, _, _ = run(reader)

    audible = outcomes.audible
    assert list(outcomes.correct) == plan_battery("av")
    assert outcomes.correct[CLEAN].all()
    for mode in BATTERY_AUDIO[1:]:
        correct = outcomes.correct[Condition(audio=mode)]
        changes_silent_clips = mode.kind in ("donor", "presence-swap")
        changes_audible_clips = mode.kind != "donor"
        assert correct[audible].all() != changes_audible_clips, mode
        assert correct[~audible].all() != changes_silent_clips, mode
    assert not outcomes.correct[NO_FRAMES].any()
    assert np.array_equal(outcomes.predicted[CLEAN], outcomes.label)


def test_run_battery_stores_whose_audio_is_heard(reader: ClipReader) -> None:
    outcomes, _, _ = run(reader)

    groups = np.array([entry.group for entry in reader.entries])
    for condition in (SHUFFLE, WITHIN_CLASS):
        owner = outcomes.owner[condition]
        assert (groups[owner] != groups)[outcomes.audible].all()
        assert (owner == np.arange(12))[~outcomes.audible].all()


def test_run_battery_of_one_group_leaves_shuffles_out_and_reports_them(
    varied: PreparedDataset,
) -> None:
    entries = [entry for entry in varied.entries if "_g01_" in entry.id]
    alone = [entry for entry in entries if entry.group == entries[0].group]

    outcomes, lines, _ = run(ClipReader(varied, alone, mfcc_facts(varied, "1")))

    assert SHUFFLE not in outcomes.correct
    assert WITHIN_CLASS in outcomes.correct
    assert outcomes.missing[SHUFFLE].startswith("shuffle: one group has")
    assert any(line.startswith("audio shuffle is left out: shuffle: one group") for line in lines)
    assert Condition(audio=AudioMode("donor")) in outcomes.missing


def test_run_battery_without_real_is_an_error(reader: ClipReader) -> None:
    with pytest.raises(ValueError, match="include real"):
        run_battery(
            [NO_AUDIO], ClipAudio(reader), Listener(reader), seed=0, report=Notes(list[str]())
        )
