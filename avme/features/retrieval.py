"""Retrieval between video and audio of the same clips: recall at 1, 5 and 10.

Each clip queries with one stream among the other streams of all clips; only its own is right. The
shared space is learned on the train list; its ridge is chosen on whole groups of it that are held
out, as in the linear probe.

Shape letters: n clips, q channels of the shared space.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Int64

from avme.errors import UsageError
from avme.features.file import FeatureRows
from avme.features.knn import normalize
from avme.features.linear_probe import split_rows
from avme.features.shared_space import fit_shared_space

RECALLS: Final = (1, 5, 10)
RIDGES: Final = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
USUAL_RIDGE: Final = 1e-1
"""Ridge without groups to hold out."""
_BLOCK_CELLS: Final = 4_000_000
"""Similarities in memory at a time."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Rank of the right candidate for every query, from 1."""

    audio_from_video: Int64[np.ndarray, " n"]
    """Queries are videos, candidates are audio."""
    video_from_audio: Int64[np.ndarray, " n"]

    def found(self, direction: str, k: int) -> Bool[np.ndarray, " n"]:
        """Return whether the right candidate is among the first k."""
        ranks = {"video to audio": self.audio_from_video, "audio to video": self.video_from_audio}
        return np.asarray(ranks[direction] <= k)


DIRECTIONS: Final = ("video to audio", "audio to video")


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """Ranks in the learned space, and without a mapping for comparison."""

    mapped: Ranks
    unmapped: Ranks | None
    """Cosine of the features themselves; None if their widths differ."""
    ridge: float
    held_out: int
    """Clips on which the ridge was chosen; 0 if no group could be held out."""

    def chance(self, k: int) -> float:
        """Return the recall at k of random ranks."""
        return min(1.0, k / len(self.mapped.audio_from_video))


def retrieve(
    train: tuple[FeatureRows, FeatureRows], test: tuple[FeatureRows, FeatureRows]
) -> RetrievalResult:
    """Learn the space on the train list, and rank the test list.

    Args:
        train: Features of video and of audio of the same training clips.
        test: The same of the test clips.

    Raises:
        UsageError: There is a single pair to learn from, or a single candidate.
    """
    if min(len(train[0].id), len(test[0].id)) < 2:
        raise UsageError(
            f"retrieval needs two clips with usable audio in each list (got {len(train[0].id)} "
            f"train, {len(test[0].id)} test): choose another split"
        )
    video, audio = train[0].features, train[1].features
    fitted, held = split_rows(train[0])
    ridge, held_out = USUAL_RIDGE, 0
    if len(fitted) > 1 and len(held) > 1:
        held_out = len(held)
        ridge = max(
            RIDGES,
            key=lambda each: _mean_reciprocal_rank(
                _ranks_with(each, (video[fitted], audio[fitted]), (video[held], audio[held]))
            ),
        )
    query = (test[0].features, test[1].features)
    same_width = query[0].shape[1] == query[1].shape[1]
    return RetrievalResult(
        mapped=_ranks_with(ridge, (video, audio), query),
        unmapped=rank_pairs(*query) if same_width else None,
        ridge=ridge,
        held_out=held_out,
    )


def rank_pairs(video: Float32[np.ndarray, "n q"], audio: Float32[np.ndarray, "n q"]) -> Ranks:
    """Rank by cosine; row i of both belongs to the same clip.

    Candidates of equal similarity rank before the right one, so that constant features find
    nothing.

    Args:
        video: Features of videos.
        audio: Features of audio.
    """
    return Ranks(
        audio_from_video=_ranks(normalize(video), normalize(audio)),
        video_from_audio=_ranks(normalize(audio), normalize(video)),
    )


def _ranks(
    queries: Float32[np.ndarray, "n q"], candidates: Float32[np.ndarray, "n q"]
) -> Int64[np.ndarray, " n"]:
    count = len(candidates)
    ranks = np.zeros(count, dtype=np.int64)
    step = max(1, _BLOCK_CELLS // count)
    for begin in range(0, count, step):
        similarity = queries[begin : begin + step] @ candidates.T
        right = np.arange(begin, begin + len(similarity))
        own = similarity[np.arange(len(similarity)), right]
        ranks[right] = (similarity >= own[:, None]).sum(axis=1)
    return ranks


def _ranks_with(
    ridge: float,
    train: tuple[Float32[np.ndarray, "m d"], Float32[np.ndarray, "m e"]],
    test: tuple[Float32[np.ndarray, "n d"], Float32[np.ndarray, "n e"]],
) -> Ranks:
    space = fit_shared_space(*train, ridge)
    return rank_pairs(space.map_first(test[0]), space.map_second(test[1]))


def _mean_reciprocal_rank(ranks: Ranks) -> float:
    both: Sequence[Int64[np.ndarray, " n"]] = (ranks.audio_from_video, ranks.video_from_audio)
    return float(np.mean([np.mean(1.0 / each) for each in both]))
