"""Kinds of degradations, and the measured quantity that defines their severities.

Quantities of frames are relative to the shorter side, to the number of frames or to full scale, so
that small and large frames are degraded alike. Neither numpy nor another large package is imported.
"""

from dataclasses import dataclass
from typing import Final, Literal

Modality = Literal["frames", "audio"]

SEVERITIES: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of degradation with one level per severity."""

    name: str
    modality: Modality
    quantity: str
    """Quantity that the levels are values of, with its unit."""
    levels: tuple[float, float, float, float, float]
    """Values of the quantity at severities 1 to 5."""


_PSNR: Final = "PSNR in dB"
_KINDS: Final = (
    Kind(
        "low-resolution",
        "frames",
        "remaining fraction of each side",
        (0.5, 0.35, 0.25, 0.18, 0.125),
    ),
    Kind(
        "defocus-blur",
        "frames",
        "radius of the disk, as a fraction of the shorter side",
        (0.015, 0.025, 0.035, 0.05, 0.07),
    ),
    Kind(
        "motion-blur",
        "frames",
        "length of the path, as a fraction of the shorter side",
        (0.03, 0.06, 0.09, 0.12, 0.18),
    ),
    Kind("gaussian-noise", "frames", _PSNR, (30.0, 25.0, 20.0, 15.0, 10.0)),
    Kind("shot-noise", "frames", _PSNR, (30.0, 25.0, 20.0, 15.0, 10.0)),
    Kind("impulse-noise", "frames", _PSNR, (30.0, 25.0, 20.0, 15.0, 10.0)),
    Kind("jpeg", "frames", _PSNR, (36.0, 33.0, 30.0, 27.0, 24.0)),
    Kind("h264", "frames", "constant rate factor of x264", (23.0, 29.0, 35.0, 41.0, 47.0)),
    Kind(
        "dropped-frames", "frames", "remaining fraction of frames", (0.75, 0.5, 0.25, 0.125, 0.0625)
    ),
    Kind("brightness", "frames", "offset, as a fraction of full scale", (0.1, 0.2, 0.3, 0.4, 0.5)),
    Kind("contrast", "frames", "remaining fraction of contrast", (0.6, 0.45, 0.3, 0.2, 0.1)),
    Kind("audio-noise", "audio", "SNR in dB", (20.0, 15.0, 10.0, 5.0, 0.0)),
    Kind("low-pass", "audio", "cut-off in Hz (-3 dB)", (4000.0, 2000.0, 1000.0, 500.0, 250.0)),
    Kind("clipping", "audio", "fraction of clipped samples", (0.02, 0.05, 0.1, 0.25, 0.5)),
    Kind("dropouts", "audio", "fraction of lost time", (0.05, 0.1, 0.2, 0.4, 0.6)),
)
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in _KINDS}
