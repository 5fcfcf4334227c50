"""Recall against ranks by hand, and a space that is learned where there is one."""

from collections.abc import Callable

import numpy as np
import pytest

from avme.errors import UsageError
from avme.features.file import FeatureRows
from avme.features.retrieval import DIRECTIONS, RIDGES, USUAL_RIDGE, rank_pairs, retrieve

MakeRows = Callable[..., FeatureRows]


def test_ranks_of_a_matrix_made_by_hand() -> None:
    """Unit vectors at angles; the similarity of i and j is the cosine of their difference."""
    video, audio = (
        np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))], axis=1).astype(np.float32)
        for angle in (np.array([0.0, 50.0, 90.0]), np.array([10.0, 85.0, 70.0]))
    )
    # distances of video (rows) to audio: 10 85 70 / 40 35 20 / 80 5 20

    ranks = rank_pairs(video, audio)

    assert ranks.audio_from_video.tolist() == [1, 2, 2]
    assert ranks.video_from_audio.tolist() == [1, 2, 2]
    assert ranks.found(DIRECTIONS[0], 1).tolist() == [True, False, False]
    assert ranks.found(DIRECTIONS[1], 2).all()


def test_ranks_equal_sorting_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    video, audio = (rng.normal(size=(30, 6)).astype(np.float32) for _ in range(2))
    monkeypatch.setattr("avme.features.retrieval._BLOCK_CELLS", 30 * 7)

    ranks = rank_pairs(video, audio)

    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (video, audio)]
    order = np.argsort(-(unit[0] @ unit[1].T), axis=1)
    expected = [order[n].tolist().index(n) + 1 for n in range(30)]
    back = np.argsort(-(unit[1] @ unit[0].T), axis=1)
    assert ranks.audio_from_video.tolist() == expected
    assert ranks.video_from_audio.tolist() == [back[n].tolist().index(n) + 1 for n in range(30)]


def test_constant_features_find_nothing() -> None:
    constant = np.ones((20, 4), dtype=np.float32)

    ranks = rank_pairs(constant, constant)

    assert (ranks.audio_from_video == 20).all()


def streams(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return video and audio that share three sources in bases of their own."""
    rng, mixes = np.random.default_rng(seed), np.random.default_rng(9)
    source = rng.normal(size=(count, 3))
    video, audio = (source @ mixes.normal(size=(3, 8)) for _ in range(2))
    return (
        video + 0.05 * rng.normal(size=video.shape),
        audio + 0.05 * rng.normal(size=audio.shape) + 4.0,
    )


def test_learned_space_finds_what_cosine_alone_does_not(make_rows: MakeRows) -> None:
    label = np.arange(100) % 2
    train, test = (
        tuple(make_rows(each, np.repeat(label[::2], 2), name) for each in streams(100, seed))
        for name, seed in (("c", 0), ("t", 1))
    )

    found = retrieve((train[0], train[1]), (test[0], test[1]))

    assert found.unmapped is not None
    assert found.chance(10) == 0.1
    assert found.ridge in RIDGES
    assert found.held_out > 0
    for direction in DIRECTIONS:
        assert found.mapped.found(direction, 1).mean() > 0.8
        assert found.unmapped.found(direction, 10).mean() < 0.35


def test_unrelated_streams_are_found_by_chance_only(make_rows: MakeRows) -> None:
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(100) % 2, 2)
    rows = [make_rows(rng.normal(size=(200, 8)), label) for _ in range(4)]

    found = retrieve((rows[0], rows[1]), (rows[2], rows[3]))

    for direction in DIRECTIONS:  # 10 of 200: standard deviation of the recall is 1.5 points
        assert abs(found.mapped.found(direction, 10).mean() - found.chance(10)) < 0.06


def test_streams_of_other_widths_have_no_unmapped_cosine(make_rows: MakeRows) -> None:
    rng = np.random.default_rng(0)
    label = np.zeros(4, dtype=int)
    rows = [make_rows(rng.normal(size=(4, width)), label) for width in (3, 5)]

    found = retrieve((rows[0], rows[1]), (rows[0], rows[1]))

    assert found.unmapped is None
    assert found.chance(5) == 1.0


def test_ridge_without_groups_to_hold_out_is_the_usual_one(make_rows: MakeRows) -> None:
    rng = np.random.default_rng(0)
    rows = [make_rows(rng.normal(size=(2, 3)), np.zeros(2, dtype=int)) for _ in range(2)]

    found = retrieve((rows[0], rows[1]), (rows[0], rows[1]))

    assert (found.ridge, found.held_out) == (USUAL_RIDGE, 0)


def test_single_candidate_is_an_error(make_rows: MakeRows) -> None:
    rows = make_rows(np.ones((1, 3)), np.zeros(1, dtype=int))

    with pytest.raises(UsageError, match=r"two clips with usable audio in each list \(got 1"):
        retrieve((rows, rows), (rows, rows))
