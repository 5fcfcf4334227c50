import statistics

import pytest

from avme.evaluation.spread import mean_and_deviation


def test_mean_and_deviation_equal_those_of_the_standard_library() -> None:
    values = [0.875, 0.85, 0.91]

    found = mean_and_deviation(values)

    assert found["mean"] == pytest.approx(statistics.mean(values))
    assert found["deviation"] == pytest.approx(statistics.stdev(values))
