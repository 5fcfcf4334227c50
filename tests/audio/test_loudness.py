"""Loudness tells audible samples from digital silence."""

import numpy as np
import pytest

from avme.audio.loudness import audio_state, measure_loudness

RATE = 16_000


def test_measure_loudness_of_full_scale_sine_is_minus_three_decibels() -> None:
    samples = (32_767 * np.sin(np.arange(RATE) * 2 * np.pi * 100 / RATE)).astype(np.int16)

    loudness = measure_loudness(samples, RATE, -60.0)

    assert loudness is not None
    assert loudness.rms_dbfs == pytest.approx(-3.01, abs=0.01)
    assert loudness.peak_dbfs == pytest.approx(0.0, abs=0.01)
    assert loudness.silent_fraction == 0.0
    assert audio_state(loudness, -60.0) == "audible"


def test_digital_silence_is_silent_and_finite() -> None:
    loudness = measure_loudness(np.zeros(RATE, np.int16), RATE, -60.0)

    assert loudness is not None
    assert loudness.rms_dbfs == -120.0
    assert loudness.silent_fraction == 1.0
    assert audio_state(loudness, -60.0) == "silent"


def test_half_a_clip_of_silence_shows_in_the_silent_fraction() -> None:
    samples = np.zeros(RATE, np.int16)
    samples[: RATE // 2] = 1000

    loudness = measure_loudness(samples, RATE, -60.0)

    assert loudness is not None
    assert loudness.silent_fraction == pytest.approx(0.5)
    assert audio_state(loudness, -60.0) == "audible"


def test_audio_state_of_one_bit_of_dither_is_silent() -> None:
    samples = np.random.default_rng(0).integers(-1, 2, RATE).astype(np.int16)

    assert audio_state(measure_loudness(samples, RATE, -60.0), -60.0) == "silent"


def test_audio_state_without_samples_is_none() -> None:
    assert measure_loudness(np.zeros(0, np.int16), RATE, -60.0) is None
    assert audio_state(None, -60.0) == "none"
