"""Rows of frames that a sheet or a video shows for a clip, with their labels.

Shape letters: t frames, h and w pixels, c colors.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, UInt8

from avme.figures.plain_text import shown_name
from avme.reconstruction.comparison import Panel, Version, difference
from avme.reconstruction.quality import Quality

MOST_DIFFERENCE: Final = 128.0
"""Difference in gray levels of the brightest color of the map."""
_COLORS: Final = "inferno"


@dataclass(frozen=True, slots=True)
class Strip:
    """Frames of one version of a clip in order of time."""

    name: str
    caption: str
    frames: UInt8[np.ndarray, "t h w c"]
    is_difference: bool = False


def strips_of(panel: Panel, described: dict[str, str]) -> list[list[Strip]]:
    """Return pairs of rows: truth and input, then each version with its difference map.

    Args:
        panel: Clip in one setup.
        described: Kind of each model, by name.
    """
    visible = 1.0 - float(panel.is_hidden.mean())
    pairs = [
        [
            Strip("original", f"a frame every {panel.clip.seconds_per_frame:.2f} s", panel.truth),
            Strip("masked input", f"{visible:.0%} is visible", panel.seen),
        ]
    ]
    for version in (*panel.models, panel.best_baseline):
        name = shown_name(version.name)
        kind = "best free baseline" if version.is_baseline else described[version.name]
        caption = f"{kind}\n{quality_text(version.shown_quality)}"
        if (other := _visible_estimate(version)) is not None:
            caption += f"\nvisible statistics: {other.psnr_db:.1f} dB"
        apart = colored_difference(difference(panel, version))
        pairs.append(
            [
                Strip(name, caption, version.frames),
                Strip("difference", f"|{name} - original|", apart, is_difference=True),
            ]
        )
    return pairs


def quality_text(quality: Quality) -> str:
    """Format PSNR and SSIM."""
    similar = "" if quality.ssim is None else f", SSIM {quality.ssim:.2f}"
    return f"{quality.psnr_db:.1f} dB{similar}"


def colored_difference(apart: Float[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "t h w c"]:
    """Return the map in colors: black for no difference, 128 levels or more are brightest."""
    return color_table()[np.clip(apart * (255.0 / MOST_DIFFERENCE), 0, 255).astype(np.uint8)]


def color_table() -> UInt8[np.ndarray, "256 3"]:
    """Return the colors of differences from none to the most."""
    from matplotlib import colormaps

    colors = colormaps[_COLORS](np.arange(256))[:, :3]
    return np.asarray((255.0 * colors).round(), dtype=np.uint8)


def _visible_estimate(version: Version) -> Quality | None:
    """Return the quality with statistics of visible patches, if the frames have the hidden ones."""
    if version.shown[0] != "hidden":
        return None
    return version.quality.get(("visible", version.shown[1]))
