"""Spoken digits: one second of a synthetic voice in pink noise.

Shape letters: n samples.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64

RATE: Final = 16_000
_WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ESPEAK: Final = (
    *("en-us", "en-us+f2", "en-gb", "en-gb+m1", "en-gb-scotland", "en-us+m3", "en-gb-x-rp+f4"),
    *("en-029+f1", "en-gb-x-gbclan+m5", "en-us+klatt2", "en-gb+f1", "en-gb-x-gbcwmd+m2", "en-029"),
    *("en-gb-scotland+f3", "en-gb-x-rp+m7", "en-us+f5", "en-gb-x-gbcwmd+f2", "en-gb-x-gbclan+f3"),
    *("en-us+croak", "en-us+whisper", "en-gb+m6"),
)
_FLITE: Final = ("slt", "rms", "awb", "kal16")
_SNR_DB: Final = (-5, 5)

Samples = Float64[np.ndarray, " n"]
Voice = tuple[str, str]
"""Program and its voice."""


def list_voices() -> list[Voice]:
    """Return the voices, those of flite spread among those of espeak-ng."""
    espeak, flite = iter(_ESPEAK), iter(_FLITE)
    voices = []
    for index in range(len(_ESPEAK) + len(_FLITE)):
        name = next(flite, None) if index % 5 == 2 else None
        voices.append(("flite", name) if name else ("espeak-ng", next(espeak)))
    return voices


def speak(digit: int, voice: Voice, draw: np.random.Generator) -> tuple[Samples, float, float]:
    """Return one second of audio, and begin and duration of the word in seconds.

    Args:
        digit: Digit.
        voice: Program and its voice.
        draw: Source of speed, pitch, begin and noise.
    """
    word = _say(_WORDS[digit], *voice, draw)
    begin = int(draw.integers(0, RATE - len(word) + 1))
    audio = np.zeros(RATE)
    audio[begin : begin + len(word)] = word
    snr_db = draw.uniform(*_SNR_DB)
    noise = _pink_noise(draw)
    noise *= np.sqrt((word**2).mean() / (noise**2).mean()) / 10 ** (snr_db / 20)
    audio += noise
    audio *= 0.5 / (np.abs(audio).max() + 1e-9)
    return audio, begin / RATE, len(word) / RATE


def _say(word: str, program: str, voice: str, draw: np.random.Generator) -> Samples:
    """Return a word at 16 kHz, in at most 0.92 seconds, with a peak of 1."""
    if program == "espeak-ng":
        speed, pitch = (str(draw.integers(*limits)) for limits in ((130, 195), (30, 70)))
        command = [program, "-v", voice, "-s", speed, "-p", pitch, "--stdout", word]
        samples, rate = _read_wave(subprocess.run(command, capture_output=True, check=True).stdout)
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "word.wav")
            stretch = f"duration_stretch={draw.uniform(0.85, 1.2):.2f}"
            command = [program, "-voice", voice, "--setf", stretch, "-t", word, "-o", str(file)]
            subprocess.run(command, capture_output=True, check=True)
            samples, rate = _read_wave(file.read_bytes())
        rate = int(rate * draw.uniform(0.93, 1.08))  # another pitch and speed
    samples = _trim(_resample(samples, rate, RATE))
    longest = int(0.92 * RATE)
    if len(samples) > longest:
        samples = _resample(samples, len(samples), longest)[:longest]
    return np.asarray(samples / (np.abs(samples).max() + 1e-9))


def _read_wave(data: bytes) -> tuple[Samples, int]:
    """Return samples and rate of a WAV file, whose length in the header may be wrong."""
    begin, fmt = data.find(b"data"), data.find(b"fmt ")
    channels = int.from_bytes(data[fmt + 10 : fmt + 12], "little")
    rate = int.from_bytes(data[fmt + 12 : fmt + 16], "little")
    body = data[begin + 8 :]
    samples = np.frombuffer(body[: len(body) // 2 * 2], "<i2").astype(np.float64) / 32768
    return (samples.reshape(-1, channels).mean(1) if channels > 1 else samples), rate


def _resample(samples: Samples, old: int, new: int) -> Samples:
    """Resample by the discrete Fourier transform."""
    if old == new or len(samples) < 2:
        return samples
    length, pad = round(len(samples) * new / old), 256
    spectrum = np.fft.rfft(np.pad(samples, (pad, pad)))
    before = len(samples) + 2 * pad
    after = round(before * new / old)
    target = np.zeros(after // 2 + 1, complex)
    common = min(len(spectrum), len(target))
    target[:common] = spectrum[:common]
    begin = round(pad * new / old)
    return (np.fft.irfft(target, after) * (after / before))[begin : begin + length]


def _trim(samples: Samples, below_peak_db: float = 38.0) -> Samples:
    """Remove quiet hops of 10 ms at both ends."""
    hop = RATE // 100
    hops = len(samples) // hop
    if hops < 3:
        return samples
    power = (samples[: hops * hop].reshape(hops, hop) ** 2).mean(1)
    level = 10 * np.log10(power + 1e-12)
    loud = np.flatnonzero(level > level.max() - below_peak_db)
    return samples[max(0, loud[0] - 1) * hop : (loud[-1] + 2) * hop]


def _pink_noise(draw: np.random.Generator) -> Samples:
    """Return one second of pink noise with a hum."""
    spectrum = np.fft.rfft(draw.standard_normal(RATE))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1.0), RATE)
    pink /= pink.std()
    hertz, phase = draw.uniform(50, 400), draw.uniform(0, 6.28)
    return np.asarray(pink + 0.5 * np.sin(2 * np.pi * hertz / RATE * np.arange(RATE) + phase))
