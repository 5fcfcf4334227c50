"""Log-mel spectrogram of windows of samples, on the device of the model.

`avme.audio.log_mel` is the reference. Shape letters: l samples of a window, m mel bands, k bins of
the spectrum.
"""

import torch
from jaxtyping import Float, Int16
from torch import Tensor, nn

from avme.audio.log_mel import FULL_SCALE, SMALLEST_POWER, mel_filters, num_fft_of


class LogMel(nn.Module):
    """Natural logarithm of the power in mel bands of Hann windows; has no parameters."""

    filters: Float[Tensor, "k m"]
    taper: Float[Tensor, " l"]

    def __init__(self, num_mels: int, window_samples: int, sample_rate_hz: int) -> None:
        """Prepare filters.

        Args:
            num_mels: Number of bands.
            window_samples: Length of a window.
            sample_rate_hz: Sample rate.
        """
        super().__init__()
        self.num_fft = num_fft_of(window_samples)
        filters = torch.tensor(mel_filters(num_mels, self.num_fft, sample_rate_hz).T)
        self.register_buffer("filters", filters.float(), persistent=False)
        taper = torch.hann_window(window_samples, dtype=torch.float64) / FULL_SCALE
        self.register_buffer("taper", taper.float(), persistent=False)

    def forward(self, windows: Int16[Tensor, "*batch l"]) -> Float[Tensor, "*batch m"]:
        """Return one row per window, in single precision."""
        with torch.autocast(windows.device.type, enabled=False):
            spectrum = torch.fft.rfft(windows * self.taper, self.num_fft)
            power = spectrum.real**2 + spectrum.imag**2
            return torch.log((power @ self.filters).clamp_min(SMALLEST_POWER))
