"""Summary of a dataset's records: lengths, rates, audio, classes, splits.

Results are plain data for JSON. `None` marks undefined values.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from avme.audio.loudness import AUDIO_STATES
from avme.media.clip_warnings import LATE_SECONDS
from avme.shards.record import ClipRecord

_MOST_NAMED = 10

Subsets = Mapping[str, Sequence[str]]
"""Clip ids of `train` and `test`."""


def survey(records: Sequence[ClipRecord], classes: Sequence[str]) -> dict[str, Any]:
    """Summarize the dataset independent of splits."""
    with_audio = [record for record in records if record.audio != "none"]
    late = [r for r in with_audio if (r.audio_start_seconds or 0.0) > LATE_SECONDS]
    early = [r for r in with_audio if missing_at_end(r) > LATE_SECONDS]
    return {
        "clips": len(records),
        "frames": sum(record.frames for record in records),
        "hours": sum(record.seconds for record in records) / 3600.0,
        "classes": len(classes),
        "seconds": spread(record.seconds for record in records),
        "frames_per_clip": spread(float(record.frames) for record in records),
        "frames_other_than_header": sum(
            r.frames_from_header not in (None, 0, r.frames) for r in records
        ),
        "fps": _commonest(f"{r.fps_num / r.fps_den:.6g}" for r in records),
        "sizes": _commonest(f"{r.width}x{r.height}" for r in records),
        "video_codecs": _commonest(r.video_codec for r in records),
        "audio": {
            **{name: sum(r.audio == name for r in records) for name in AUDIO_STATES},
            "usable": sum(r.usable_audio for r in records),
            "codecs": _commonest(r.audio_codec for r in records if r.audio_codec),
            "sample_rates_hz": _commonest(
                r.audio_sample_rate_hz for r in records if r.audio_sample_rate_hz
            ),
            "channels": _commonest(r.audio_channels for r in records if r.audio_channels),
            "starts_late": _worst({r.id: r.audio_start_seconds or 0.0 for r in late}),
            "ends_early": _worst({r.id: missing_at_end(r) for r in early}),
            "rms_dbfs": spread(
                r.rms_dbfs for r in records if r.audio == "audible" and r.rms_dbfs is not None
            ),
            "silent_fraction": spread(
                r.silent_fraction
                for r in records
                if r.audio == "audible" and r.silent_fraction is not None
            ),
        },
    }


def survey_classes(
    records: Sequence[ClipRecord], classes: Sequence[str], splits: Mapping[str, Subsets]
) -> list[dict[str, Any]]:
    """Return one row per class: clips, seconds, audio states, fraction with usable audio.

    Args:
        records: Clips.
        classes: Class names.
        splits: Clip ids by split.
    """
    of: defaultdict[str, list[ClipRecord]] = defaultdict(list)
    for record in records:
        of[record.class_name].append(record)
    listed = {
        (name, part): set(ids) for name, subsets in splits.items() for part, ids in subsets.items()
    }
    rows = []
    for name in classes:
        members = of[name]
        states = Counter(record.audio for record in members)
        usable = sum(record.usable_audio for record in members)
        rows.append(
            {
                "class": name,
                "clips": len(members),
                "groups": len({record.group for record in members}),
                "seconds": float(sum(record.seconds for record in members)),
                **{state: states[state] for state in AUDIO_STATES},
                "usable_share": usable / len(members) if members else None,
                "splits": {
                    split: {
                        part: sum(record.id in listed[split, part] for record in members)
                        for part in subsets
                    }
                    for split, subsets in splits.items()
                },
            }
        )
    return rows


def survey_split(records: Sequence[ClipRecord], subsets: Subsets) -> dict[str, Any]:
    """Summarize both lists of a split: clips, audio, and groups that occur in both."""
    by_id = {record.id: record for record in records}
    members = {part: [by_id[clip_id] for clip_id in ids] for part, ids in subsets.items()}
    facts: dict[str, Any] = {}
    for part, clips in members.items():
        states = Counter(clip.audio for clip in clips)
        facts[part] = {
            "clips": len(clips),
            "classes": len({clip.class_name for clip in clips}),
            "groups": len({clip.group for clip in clips}),
            **{state: states[state] for state in AUDIO_STATES},
            "usable": sum(clip.usable_audio for clip in clips),
        }
    groups = {part: Counter(clip.group for clip in clips) for part, clips in members.items()}
    facts["unlisted"] = len(records) - sum(len(clips) for clips in members.values())
    classes = {part: {clip.class_name for clip in clips} for part, clips in members.items()}
    facts["test_only_classes"] = sorted(classes["test"] - classes["train"])
    facts["shared_groups"] = [
        {"group": group, "train": groups["train"][group], "test": groups["test"][group]}
        for group in sorted(groups["train"].keys() & groups["test"].keys())
    ]
    return facts


def missing_at_end(record: ClipRecord) -> float:
    """Return the seconds of video after the end of the audio; negative if the audio is longer."""
    return record.seconds - ((record.audio_start_seconds or 0.0) + record.audio_seconds)


def spread(values: Iterable[float]) -> dict[str, float] | None:
    """Return minimum, median and maximum."""
    found = np.fromiter(values, dtype=np.float64)
    if len(found) == 0:
        return None
    return {
        "min": float(found.min()),
        "median": float(np.median(found)),
        "max": float(found.max()),
    }


def _commonest(values: Iterable[object]) -> dict[str, int]:
    return {str(value): times for value, times in Counter(values).most_common()}


def _worst(seconds: Mapping[str, float]) -> dict[str, Any]:
    worst = sorted(seconds.items(), key=lambda item: -item[1])
    return {
        "clips": len(seconds),
        "most_seconds": worst[0][1] if worst else 0.0,
        "worst": [clip_id for clip_id, _ in worst[:_MOST_NAMED]],
    }
