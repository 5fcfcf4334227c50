"""What is in a set, counted by hand."""

from dataclasses import replace

import pytest

from avme.audit.summary import missing_at_end, spread, survey, survey_classes, survey_split
from avme.shards.record import ClipRecord

ONE = ClipRecord(
    id="A/1",
    class_name="A",
    label=0,
    group="A/g01",
    num_bytes=1,
    frames=50,
    frames_from_header=50,
    fps_num=25,
    seconds=2.0,
    width=320,
    height=240,
    video_codec="mpeg4",
    audio="audible",
    audio_codec="mp3",
    audio_sample_rate_hz=44_100,
    audio_channels=2,
    audio_start_seconds=0.0,
    audio_seconds=2.0,
    rms_dbfs=-20.0,
    silent_fraction=0.1,
    usable_audio=True,
)
LATE = replace(ONE, id="A/2", audio_start_seconds=0.5, audio_seconds=1.0, rms_dbfs=-30.0)
SILENT = replace(
    ONE, id="B/1", class_name="B", label=1, group="B/g01", audio="silent", usable_audio=False
)
SHORT = ClipRecord(
    id="B/2", class_name="B", label=1, group="B/g02", num_bytes=1, frames=4, seconds=0.16
)
ALL = (ONE, LATE, SILENT, SHORT)
SIDES = {"train": ["A/1", "B/2"], "test": ["A/2"]}


def test_lengths_are_smallest_median_and_largest() -> None:
    assert spread([3.0, 1.0, 2.0, 8.0]) == {"min": 1.0, "median": 2.5, "max": 8.0}
    assert spread([]) is None
    assert survey(ALL, ("A", "B"))["seconds"] == {"min": 0.16, "median": 2.0, "max": 2.0}


def test_missing_at_end_lists_the_worst_clips_first() -> None:
    audio = survey(ALL, ("A", "B"))["audio"]

    assert audio["starts_late"] == {"clips": 1, "most_seconds": 0.5, "worst": ["A/2"]}
    assert audio["ends_early"] == {"clips": 1, "most_seconds": 0.5, "worst": ["A/2"]}
    assert missing_at_end(replace(ONE, audio_start_seconds=-0.25)) == 0.25


def test_survey_loudness_is_of_audible_clips() -> None:
    audio = survey(ALL, ("A", "B"))["audio"]

    assert audio["rms_dbfs"] == {"min": -30.0, "median": -25.0, "max": -20.0}
    assert (audio["audible"], audio["silent"], audio["none"], audio["usable"]) == (2, 1, 1, 2)
    assert audio["sample_rates_hz"] == {"44100": 3}


def test_survey_classes_gives_the_share_with_usable_audio() -> None:
    first, second, empty = survey_classes(ALL, ("A", "B", "C"), {"1": SIDES})

    assert (first["clips"], first["usable_share"], first["groups"]) == (2, 1.0, 1)
    assert (second["silent"], second["none"], second["usable_share"]) == (1, 1, 0.0)
    assert second["splits"] == {"1": {"train": 1, "test": 0}}
    assert (empty["clips"], empty["usable_share"]) == (0, None)


def test_survey_split_names_groups_in_both_subsets_by_class() -> None:
    facts = survey_split(ALL, SIDES)

    assert facts["shared_groups"] == [{"group": "A/g01", "train": 1, "test": 1}]
    assert facts["train"]["clips"] == 2
    assert facts["unlisted"] == 1


def test_survey_of_group_in_two_classes_counts_one_group() -> None:
    records = (replace(ONE, group="voice 3"), replace(SILENT, group="voice 3"), SHORT)

    facts = survey_split(records, {"train": ["A/1"], "test": ["B/1", "B/2"]})

    assert facts["shared_groups"] == [{"group": "voice 3", "train": 1, "test": 1}]
    assert [facts[part]["groups"] for part in ("train", "test")] == [1, 2]


@pytest.mark.parametrize("records", [(), (SHORT,)])
def test_survey_without_audio_measures_nothing(records: tuple[ClipRecord, ...]) -> None:
    audio = survey(records, ("A", "B"))["audio"]

    assert audio["rms_dbfs"] is None
    assert audio["starts_late"] == {"clips": 0, "most_seconds": 0.0, "worst": []}
