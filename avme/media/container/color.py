"""Color tags of a video track, and ffmpeg's filters from it to SDR pixels.

A JPEG is full-range BT.601 with BT.709's curve and primaries by convention. Two kinds of video
differ: HDR (PQ or HLG, BT.2020), and HD without a tagged matrix, which swscale reads as BT.601 and
players as BT.709.
"""

from dataclasses import dataclass
from typing import Final

TONEMAP_FILTERS: Final = ("zscale", "tonemap")
"""Filters that an ffmpeg needs for `tonemap`."""

_HD_LINES: Final = 720
_HD_COLUMNS: Final = 1280
"""A cropped frame may have fewer lines: players use either limit."""
_WHITE_NITS: Final = 203
"""Diffuse white of HDR (ITU-R BT.2408)."""
_PEAK: Final = 1000 / _WHITE_NITS
_KNEE: Final = 0.7
"""Up to this fraction of diffuse white, linear light is unchanged."""

_UNSPECIFIED: Final = 2
_HDR_CURVES: Final = {16: ("smpte2084", "PQ"), 18: ("arib-std-b67", "HLG")}
_PRIMARIES: Final = {1: "bt709", 9: "bt2020", 12: "smpte432"}
_MATRICES: Final = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc", 10: "bt2020c"}


@dataclass(frozen=True, slots=True)
class ColorTags:
    """Code points of ITU-T H.273, 2 for a missing tag; `is_yuv` of its pixel format."""

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    matrix: int = _UNSPECIFIED
    is_yuv: bool = True
    is_full_range: bool = False

    @property
    def hdr(self) -> str | None:
        """`PQ` or `HLG`; None for anything else."""
        curve = _HDR_CURVES.get(self.transfer)
        return curve[1] if curve else None

    def is_untagged_hd(self, width: int, height: int) -> bool:
        """Return True if the matrix is unknown, and players assume BT.709 at this size."""
        is_hd = height >= _HD_LINES or width >= _HD_COLUMNS
        return self.is_yuv and self.matrix == _UNSPECIFIED and self.hdr is None and is_hd

    def tonemap_filters(self, width: int, height: int) -> str:
        """Return filters from HDR to BT.709 at this size, as 4:4:4 in full range.

        Missing tags are assumed to be BT.2020's. 203 nits become white less a shoulder.
        """
        matrix = _MATRICES.get(self.matrix, "bt2020nc") if self.is_yuv else "gbr"
        primaries = _PRIMARIES.get(self.primaries, "bt2020")
        is_full = self.is_full_range or not self.is_yuv
        given = (
            f"tin={_HDR_CURVES[self.transfer][0]}:pin={primaries}"
            f":min={matrix}:rin={'full' if is_full else 'limited'}"
        )
        return ",".join(
            (
                f"scale={width}:{height}",
                # zscale refuses odd sizes of 4:2:0.
                "format=yuv444p16le" if self.is_yuv else "format=gbrp16le",
                # agamma, on by default, approximates HLG's system gamma by one of each channel.
                # Without p, the output keeps the tag of the input, which may be missing.
                f"zscale={given}:p={primaries}:t=linear:npl={_WHITE_NITS}:agamma=false",
                "format=gbrpf32le",
                "zscale=p=bt709",
                f"tonemap=mobius:param={_KNEE}:peak={_PEAK:.6f}:desat=0",
                "zscale=t=bt709:m=bt709:r=full",
                "format=yuv444p",
            )
        )


UNTAGGED: Final = ColorTags()
