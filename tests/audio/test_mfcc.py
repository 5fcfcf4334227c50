"""MFCC rows are python_speech_features', except that their hop never drifts."""

from fractions import Fraction

import numpy as np
import pytest
import python_speech_features
from numpy.typing import NDArray

from avme.audio.mfcc import ROW_GROUP, mfcc_rows, row_starts, sample_range, window_seconds

RATE = 16_000


def noise(num_samples: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-9000, 9000, num_samples).astype(np.int16)


def rows_of(samples: NDArray[np.int16], num_frames: int, fps: Fraction) -> NDArray[np.float32]:
    pts = np.array([float(i / fps) for i in range(num_frames)])
    return mfcc_rows(samples, RATE, row_starts(pts, fps), window_seconds(fps), 13)


def test_rows_equal_python_speech_features_at_25_fps() -> None:
    samples = noise(RATE)

    rows = rows_of(samples, 25, Fraction(25))

    oracle = python_speech_features.mfcc(samples, RATE, numcep=13)
    assert rows.shape == (100, 13)
    assert np.allclose(rows[: len(oracle)], oracle, atol=1e-4)


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(20), Fraction(50)])
def test_rows_equal_talknets_scaled_windows_where_the_hop_is_whole(fps: Fraction) -> None:
    samples = noise(RATE)

    rows = rows_of(samples, int(fps), fps)

    scale = float(25 / fps)
    oracle = python_speech_features.mfcc(
        samples, RATE, 0.025 * scale, 0.01 * scale, numcep=13, nfft=1024 if fps == 10 else 512
    )
    shared_rows = min(len(rows), len(oracle))
    assert shared_rows > 3 * fps
    assert np.allclose(rows[:shared_rows], oracle[:shared_rows], atol=1e-4)


@pytest.mark.parametrize("fps", [Fraction(30_000, 1001), Fraction(24), Fraction(1)])
def test_four_rows_belong_to_every_frame_at_any_rate(fps: Fraction) -> None:
    rows = rows_of(noise(4 * RATE), 3, fps)

    assert rows.shape == (12, 13)


def test_mfcc_rows_of_beep_at_60_seconds_of_ntsc_are_its_own() -> None:
    fps = Fraction(30_000, 1001)
    samples = np.zeros(62 * RATE, dtype=np.int16)
    samples[60 * RATE : 60 * RATE + 80] = 12_000

    energy = rows_of(samples, 1830, fps)[:, 0]

    loud = np.flatnonzero(energy > energy.min() + 1)
    own = int(Fraction(60) * fps * 4)
    assert own in loud
    assert loud.min() >= own - 3  # the window is 2.5 hops long
    assert loud.max() <= own + 1


def test_python_speech_features_own_hop_would_miss_that_row() -> None:
    hop = round(0.01 * 25 * 1001 / 30_000 * RATE)

    drift_rows = 60 * RATE / hop - float(Fraction(60) * Fraction(30_000, 1001) * 4)

    assert abs(drift_rows) > 15


def test_mfcc_windows_beyond_the_audio_see_zeros() -> None:
    samples = noise(800)
    starts = np.array([-10.0, -0.01, 0.0, 0.04, 10.0])

    rows = mfcc_rows(samples, RATE, starts, 0.025, 13)

    padded = mfcc_rows(
        np.concatenate([np.zeros(160, np.int16), samples]), RATE, np.array([0.0]), 0.025, 13
    )
    silence = np.log(np.finfo(float).eps)
    assert rows[0, 0] == pytest.approx(silence)
    assert rows[4, 0] == pytest.approx(silence)
    assert np.allclose(rows[1, 0], padded[0, 0], atol=1e-4)
    assert np.isfinite(rows).all()


def test_mfcc_rows_without_samples_are_finite() -> None:
    rows = mfcc_rows(np.zeros(0, np.int16), RATE, np.zeros(3), 0.025, 13)

    assert np.isfinite(rows).all()


def test_block_borders_leave_no_trace() -> None:
    samples = noise(30 * RATE)

    rows = rows_of(samples, 750, Fraction(25))

    oracle = python_speech_features.mfcc(samples, RATE, numcep=13)
    assert np.allclose(rows[: len(oracle)], oracle, atol=1e-4)


def test_variable_frames_divide_their_own_duration() -> None:
    starts = row_starts(np.array([0.0, 0.04, 1.0]), Fraction(25))

    assert np.allclose(starts[4:8], [0.04, 0.28, 0.52, 0.76])
    assert np.allclose(starts[8:], [1.0, 1.01, 1.02, 1.03])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001), Fraction(2)])
def test_rows_of_part_equal_those_of_all_rows(fps: Fraction) -> None:
    samples, num_frames = noise(4 * RATE), int(4 * fps)
    starts = row_starts(np.arange(num_frames) / float(fps), fps)

    whole = mfcc_rows(samples, RATE, starts, window_seconds(fps), 13)

    for begin in range(0, len(starts), ROW_GROUP):
        for end in (begin + 1, begin + 7, begin + ROW_GROUP, len(starts)):
            part = mfcc_rows(samples, RATE, starts[begin:end], window_seconds(fps), 13)
            assert np.array_equal(part, whole[begin:end])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001)])
def test_sample_range_is_all_that_rows_read(fps: Fraction) -> None:
    samples = noise(3 * RATE)
    starts = row_starts(0.5 + np.arange(20) / float(fps), fps)
    first, end = sample_range(RATE, starts, window_seconds(fps))

    cut = mfcc_rows(samples[first:end], RATE, starts - first / RATE, window_seconds(fps), 13)
    changed = samples.copy()
    changed[first], changed[end - 1] = 9999, -9999
    other = mfcc_rows(changed, RATE, starts, window_seconds(fps), 13)

    whole = mfcc_rows(samples, RATE, starts, window_seconds(fps), 13)
    assert np.array_equal(cut, whole)
    assert not np.array_equal(other[0], whole[0])
    assert not np.array_equal(other[-1], whole[-1])
    assert np.array_equal(other[1:-1], whole[1:-1])
