"""Frames and samples to degrade: textures with the spectrum of nature, and a voice in noise."""

import numpy as np

SAMPLE_RATE_HZ = 16_000


def texture(num_frames: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return moving colored noise whose amplitude falls as 1/f, as that of photographs does."""
    draw = np.random.default_rng(seed)
    down, right = np.fft.fftfreq(2 * height)[:, None], np.fft.fftfreq(2 * width)
    falling = 1 / np.maximum(np.hypot(down, right), 1 / max(height, width))
    noise = np.fft.fft2(draw.standard_normal((3, 2 * height, 2 * width)))
    picture = np.moveaxis(np.fft.ifft2(noise * falling).real, 0, -1)
    picture = np.clip(120 + 50 * (picture - picture.mean()) / picture.std(), 0, 255)
    shifts = [np.roll(picture, (t, 2 * t), axis=(0, 1)) for t in range(num_frames)]
    return np.asarray(np.stack([each[:height, :width] for each in shifts]), dtype=np.uint8)


def voice(num_samples: int, seed: int = 0, rms: float = 2000.0) -> np.ndarray:
    """Return syllables of harmonics between pauses, with a little noise."""
    draw = np.random.default_rng(seed)
    seconds = np.arange(num_samples) / SAMPLE_RATE_HZ
    pitch = 2 * np.pi * (140 * seconds + 6 * np.sin(5 * seconds))
    tones = sum(np.sin(k * pitch + k) / k for k in range(1, 40))
    syllables = np.clip(np.sin(2 * np.pi * 3 * seconds + seed), 0, None)
    mixed = tones * syllables + 0.02 * draw.standard_normal(num_samples)
    return np.asarray(
        np.clip(np.rint(rms * mixed / max(mixed.std(), 1e-9)), -32_768, 32_767), dtype=np.int16
    )


def snr_db(clean: np.ndarray, degraded: np.ndarray) -> float:
    """Return the power of samples over that of their change; infinite without a change."""
    change = np.mean((degraded.astype(float) - clean) ** 2)
    return float(10 * np.log10(np.var(clean.astype(float)) / change)) if change else float("inf")
