"""Retrieval between video and audio of the test list of a split, from features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.errors import MismatchError
from avme.evaluation.intervals import Groups, Interval
from avme.features.extract import FeatureOptions
from avme.features.retrieval import DIRECTIONS, RECALLS, Ranks, RetrievalResult, retrieve
from avme.features.signature import feature_signature
from avme.features.source import FeatureSource, require_untrained
from avme.features.tokens import stages_of
from avme.progress import NullReporter, Reporter
from avme.stages.features.result import FeatureResult


@dataclass(frozen=True, slots=True)
class RecallRow:
    """Recalls of one direction in one space."""

    space: str
    """`learned`, or `none` for the features themselves."""
    direction: str
    recall: dict[int, float]
    interval: dict[int, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalReport(FeatureResult):
    """Recalls in both directions."""

    found: RetrievalResult
    rows: tuple[RecallRow, ...]

    def as_record(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            **self.facts(),
            "ridge": self.found.ridge,
            "validation_clips": self.found.held_out,
            "chance": {f"recall{k}": self.found.chance(k) for k in RECALLS},
            "rows": [
                {
                    "space": row.space,
                    "direction": row.direction,
                    **{f"recall{k}": value for k, value in row.recall.items()},
                    "intervals": {f"recall{k}": [i.low, i.high] for k, i in row.interval.items()},
                }
                for row in self.rows
            ],
        }


def retrieval(
    checkpoint: Path, *, options: FeatureOptions | None = None, report: Reporter | None = None
) -> RetrievalReport:
    """Retrieve the audio of each test clip by its video, and the reverse.

    Args:
        checkpoint: Run, checkpoint or weights with video and audio encoders.
        options: What to compute; the stages are always visual and audio.
        report: Receives progress.

    Raises:
        ArtifactError: Checkpoint or dataset are missing, or a list has no clip with usable audio.
        MismatchError: The network lacks a stream, or was trained on test clips.
    """
    options, report = options or FeatureOptions(), report or NullReporter()
    source = FeatureSource(checkpoint, options, report)
    there = stages_of(source.network.model)
    if not {"visual", "audio"} <= set(there):
        raise MismatchError(
            f"{source.network.weights.file} has {', '.join(there)} features only: retrieval needs "
            "video and audio encoders, as of `avme pretrain` with a fusion"
        )
    video, audio = source.load(["visual", "audio"])
    require_untrained(video)
    train = (video.rows("train", with_audio=True), audio.rows("train", with_audio=True))
    test = (video.rows("test", with_audio=True), audio.rows("test", with_audio=True))
    found = retrieve(train, test)
    groups = Groups(test[0].group)
    spaces = {"learned": found.mapped, "none": found.unmapped}
    return RetrievalReport(
        table=audio,
        found=found,
        rows=tuple(
            _row(space, direction, ranks, groups)
            for space, ranks in spaces.items()
            if ranks is not None
            for direction in DIRECTIONS
        ),
        num_train=len(train[0].id),
        num_test=len(test[0].id),
        left_out=(train[0].num_left_out, test[0].num_left_out),
        groups=groups,
        signature=feature_signature(audio, f"retrieval=cca,ridge{found.ridge:g}", groups).replace(
            "feat=audio", "feat=visual+audio"
        ),
    )


def _row(space: str, direction: str, ranks: Ranks, groups: Groups) -> RecallRow:
    found = {k: ranks.found(direction, k) for k in RECALLS}
    return RecallRow(
        space=space,
        direction=direction,
        recall={k: float(right.mean()) for k, right in found.items()},
        interval={k: groups.interval(right) for k, right in found.items()},
    )
