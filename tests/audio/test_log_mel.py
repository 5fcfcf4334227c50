"""Log-mel rows and filters are those of torchaudio and of transformers."""

from fractions import Fraction

import numpy as np
import pytest
import torch
import torchaudio
from numpy.typing import NDArray
from python_speech_features import base
from transformers import audio_utils

from avme.audio.log_mel import SMALLEST_FFT, hop_starts, log_mel_rows, mel_filters
from avme.audio.mfcc import row_starts, window_seconds

RATE, WINDOW, HOP = 16_000, 400, 160
NUM_MELS = [40, 64, 128]


def noise(num_samples: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-9000, 9000, num_samples).astype(np.int16)


def empty(filters: NDArray[np.float64]) -> int:
    return int((filters.sum(axis=1) == 0).sum())


@pytest.mark.parametrize("num_mels", NUM_MELS)
@pytest.mark.parametrize("low_hz", [0.0, 50.0])
def test_filters_equal_those_of_two_libraries(num_mels: int, low_hz: float) -> None:
    filters = mel_filters(num_mels, SMALLEST_FFT, RATE, low_hz)

    num_bins = SMALLEST_FFT // 2 + 1
    theirs = torchaudio.functional.melscale_fbanks(
        num_bins, low_hz, RATE / 2, num_mels, RATE, norm=None, mel_scale="htk"
    )
    others = audio_utils.mel_filter_bank(
        num_bins, num_mels, low_hz, RATE / 2, RATE, norm=None, mel_scale="htk"
    )
    assert np.allclose(filters, theirs.T, atol=2e-4)  # which are of single precision
    assert np.allclose(filters, others.T, atol=1e-12)


@pytest.mark.parametrize("num_mels", NUM_MELS)
def test_filters_of_1024_points_each_contain_a_bin(num_mels: int) -> None:
    assert empty(mel_filters(num_mels, SMALLEST_FFT, RATE)) == 0
    assert empty(base.get_filterbanks(num_mels, SMALLEST_FFT, RATE)) == 0


def test_filters_of_512_points_leave_some_empty() -> None:
    assert empty(mel_filters(128, 512, RATE)) == 1
    assert empty(base.get_filterbanks(128, 512, RATE)) == 13  # with centers rounded to bins


@pytest.mark.parametrize("num_mels", NUM_MELS)
def test_rows_with_fixed_hop_equal_torchaudio(num_mels: int) -> None:
    samples = noise(RATE)
    starts = hop_starts(len(samples), RATE, HOP / RATE, WINDOW / RATE)

    rows = log_mel_rows(samples, RATE, starts, WINDOW / RATE, num_mels)

    # torch.stft centers a shorter window among the points of the spectrum
    margin = (SMALLEST_FFT - WINDOW) // 2
    spectrogram = torchaudio.transforms.MelSpectrogram(
        RATE, SMALLEST_FFT, WINDOW, HOP, n_mels=num_mels, center=False
    )
    padded = np.pad(samples / 32_768, (margin, SMALLEST_FFT))
    theirs = spectrogram(torch.from_numpy(padded).float()).numpy().T
    assert len(rows) == 1 + (RATE - WINDOW) // HOP
    assert np.allclose(rows, np.log(theirs[: len(rows)]), atol=2e-3)


@pytest.mark.parametrize("num_mels", NUM_MELS)
def test_rows_with_fixed_hop_equal_transformers(num_mels: int) -> None:
    samples = noise(RATE, seed=1)
    starts = hop_starts(len(samples), RATE, HOP / RATE, WINDOW / RATE)

    rows = log_mel_rows(samples, RATE, starts, WINDOW / RATE, num_mels)

    theirs = audio_utils.spectrogram(
        samples / 32_768,
        audio_utils.window_function(WINDOW, "hann"),
        frame_length=WINDOW,
        hop_length=HOP,
        fft_length=SMALLEST_FFT,
        power=2.0,
        center=False,
        mel_filters=mel_filters(num_mels, SMALLEST_FFT, RATE).T,
        log_mel="log",
        mel_floor=1e-10,
    )
    assert np.allclose(rows, theirs.T, atol=1e-4)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001), Fraction(8)])
def test_rows_aligned_with_frames_show_a_tone_at_its_frame(fps: Fraction) -> None:
    """A tone of 1 kHz during frame 5 raises the band at 1 kHz in its four rows."""
    pts = np.arange(10) / float(fps)
    seconds = np.arange(int(RATE * 10 / fps)) / RATE
    during = (seconds >= pts[5]) & (seconds < pts[6])
    samples = (during * 9000 * np.sin(2 * np.pi * 1000 * seconds)).astype(np.int16)

    rows = log_mel_rows(samples, RATE, row_starts(pts, fps), window_seconds(fps), 40)

    num_fft = SMALLEST_FFT if fps > 8 else 2048
    band = int(mel_filters(40, num_fft, RATE)[:, round(1000 / RATE * num_fft)].argmax())
    assert rows.shape == (40, 40)
    assert set(np.flatnonzero(rows[:, band] > rows[:, band].max() - 3)) <= set(range(18, 24))
    assert (rows[[21, 22]].argmax(axis=1) == band).all()
    assert (rows[:15] == np.float32(np.log(1e-10))).all()


def test_rows_of_part_equal_those_of_all_rows_to_single_precision() -> None:
    samples, starts = noise(3 * RATE), np.arange(-0.1, 3.1, 0.01)

    whole = log_mel_rows(samples, RATE, starts, 0.025, 64)
    part = log_mel_rows(samples, RATE, starts[77:200], 0.025, 64)

    assert np.allclose(part, whole[77:200], atol=1e-6)
    assert (whole[:5] == np.float32(np.log(1e-10))).all()  # before the audio


@pytest.mark.parametrize(("num_samples", "expected"), [(399, 0), (400, 1), (560, 2), (559, 1)])
def test_hop_starts_are_those_of_whole_windows(num_samples: int, expected: int) -> None:
    starts = hop_starts(num_samples, RATE, HOP / RATE, WINDOW / RATE)

    assert len(starts) == expected
    assert np.allclose(starts, 0.01 * np.arange(expected))
