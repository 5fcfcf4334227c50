import numpy as np
import pytest

from avme.evaluation.controls.conditions import CLEAN, NO_AUDIO
from avme.evaluation.controls.table import COLUMNS, subsets, tabulate
from avme.evaluation.intervals import Groups
from avme.evaluation.paired_tests import compare_correct
from tests.evaluation.controls.outcomes import CONDITIONS, GROUP, N, draw_outcomes

AUDIBLE = np.arange(N) // 6 % 2 == 0


def test_tabulate_gives_accuracies_and_paired_differences_of_each_set() -> None:
    outcomes = draw_outcomes(lambda condition: 0.5 if condition == NO_AUDIO else 0.8, AUDIBLE)

    rows = tabulate(outcomes)

    assert len(rows) == 3 * len(CONDITIONS)
    row = next(r for r in rows if r.condition == NO_AUDIO and r.clips == "with audio")
    right, real = (outcomes.correct[each][AUDIBLE] for each in (NO_AUDIO, CLEAN))
    groups = Groups([name for name, one in zip(GROUP, AUDIBLE, strict=True) if one])
    interval, paired = groups.interval(right), compare_correct(real, right, groups)
    assert (row.top1.mean, row.top1.low, row.top1.high) == pytest.approx(
        (right.mean(), interval.low, interval.high)
    )
    assert (row.difference.mean, row.difference.low, row.difference.high) == pytest.approx(
        (paired.difference, paired.low, paired.high)
    )
    assert row.top1.n == AUDIBLE.sum()


def test_tabulate_begins_with_real_whose_difference_is_zero() -> None:
    row = tabulate(draw_outcomes(lambda condition: 0.8))[0]

    assert row.condition == CLEAN
    assert (row.difference.low, row.difference.mean, row.difference.high) == (0, 0, 0)


def test_tabulate_keeps_intervals_within_possible_values() -> None:
    rows = tabulate(draw_outcomes(lambda condition: 1.0 if condition == CLEAN else 0.0))

    assert all(0 <= row.top1.low <= row.top1.high <= 1 for row in rows)
    assert all(-1 <= row.difference.low <= row.difference.high <= 1 for row in rows)
    assert rows[0].top1.low < 1
    assert rows[1].difference.high > -1


def test_subsets_of_a_list_with_audio_only_is_one() -> None:
    assert [name for name, _ in subsets(np.ones(3, bool))] == ["all"]
    assert [name for name, _ in subsets(np.zeros(3, bool))] == ["all"]
    assert [name for name, _ in subsets(np.arange(3) > 0)] == ["all", "with audio", "without audio"]


def test_row_as_record_has_the_columns_of_the_table() -> None:
    record = tabulate(draw_outcomes(lambda condition: 0.8))[-1].as_record()

    assert tuple(record) == COLUMNS
    assert (record["audio"], record["frames"], record["degradation"]) == ("null", "blank", "")
