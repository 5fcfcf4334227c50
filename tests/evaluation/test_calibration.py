"""Calibration agrees with definitions written out, and with torchmetrics where bins agree."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from avme.evaluation.calibration import (
    COVERAGES,
    brier_score,
    describe_calibration,
    expected_calibration_error,
    risk_coverage,
)


def test_expected_calibration_error_is_torchmetrics_where_bins_hold_equal_numbers() -> None:
    """Confidences spread evenly over (0.5, 1): the upper 5 of 10 equal bins hold 40 clips each."""
    draw = np.random.default_rng(0)
    confidence = 0.5 + (np.arange(200) + 0.5) / 400
    label = (draw.random(200) > confidence).astype(np.int64)
    probability = np.stack([confidence, 1 - confidence], axis=1)

    ours = expected_calibration_error(confidence, label == 0, bins=5)

    theirs = multiclass_calibration_error(
        torch.from_numpy(probability), torch.from_numpy(label), num_classes=2, n_bins=10
    )
    assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_expected_calibration_error_of_calibrated_confidences_is_small() -> None:
    draw = np.random.default_rng(1)
    confidence = draw.uniform(0.3, 1.0, 50_000)
    correct = draw.random(50_000) < confidence

    assert expected_calibration_error(confidence, correct) < 0.01
    assert expected_calibration_error(np.ones(50_000), correct) == pytest.approx(
        1 - correct.mean(), abs=1e-12
    )


def test_brier_score_is_the_squared_distance_from_one_hot() -> None:
    probability = np.array([[0.7, 0.2, 0.1], [0.0, 0.0, 1.0]])

    found = brier_score(probability, np.array([0, 1]))

    assert found == pytest.approx(((0.3**2 + 0.2**2 + 0.1**2) + 2.0) / 2)
    assert probability[0, 0] == 0.7


def test_risk_at_full_coverage_is_the_error_rate_and_falls_with_confidence() -> None:
    confidence = np.linspace(0.1, 1.0, 10)
    correct = confidence > 0.35

    found = risk_coverage(confidence, correct)

    assert found["risk_at_coverage"]["1"] == pytest.approx(0.3)
    assert found["risk_at_coverage"]["0.7"] == 0.0
    assert found["area_under_risk_coverage"] == pytest.approx((1 / 8 + 2 / 9 + 3 / 10) / 10)
    assert [float(c) for c in found["risk_at_coverage"]] == list(COVERAGES)


def test_risk_of_equal_confidences_does_not_depend_on_the_order_of_clips() -> None:
    draw = np.random.default_rng(2)
    confidence, correct = np.round(draw.random(500), 1), draw.random(500) < 0.6
    order = draw.permutation(500)

    assert risk_coverage(confidence, correct) == risk_coverage(confidence[order], correct[order])


def test_describe_calibration_of_one_clip_is_finite() -> None:
    found = describe_calibration(np.array([[0.2, 0.8]]), np.array([0]))

    assert found["ece"] == pytest.approx(0.8)
    assert found["risk_at_coverage"]["0.5"] == 1.0
