"""Degradations by name: `jpeg=3` is one severity, `jpeg` all five.

Shape letters: t frames, h and w pixels, c colors, n samples.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from avme.corruptions.kinds import KINDS, SEVERITIES, Modality
from avme.errors import UsageError

if TYPE_CHECKING:  # the command line parses names without numpy
    import numpy as np
    from jaxtyping import Int16, UInt8


@dataclass(frozen=True, slots=True)
class Degradation:
    """One kind of degradation at one severity."""

    kind: str
    severity: int
    modality: Modality

    def __str__(self) -> str:
        """Return `kind=severity`, as parsed."""
        return f"{self.kind}={self.severity}"

    @property
    def level(self) -> float:
        """Value of the quantity that defines the kind."""
        return KINDS[self.kind].levels[self.severity - 1]

    def apply(
        self,
        array: 'UInt8[np.ndarray, "t h w c"] | Int16[np.ndarray, " n"]',
        clip_id: str,
    ) -> "np.ndarray":
        """Return degraded RGB frames or 16 kHz mono samples, in the same shape and type.

        The result depends on the array, the clip and the degradation alone. Digital silence and
        arrays without elements are returned as they are, as copies.

        Args:
            array: Frames if `modality` is `frames`, else samples; not modified.
            clip_id: Id of the clip, which seeds noise.

        Raises:
            ValueError: The array has another modality.
            SystemRequirementError: PyAV lacks libx264, which `h264` needs.
        """
        from avme.corruptions.dispatch import apply

        return apply(array, self.kind, self.level, clip_id)


def parse_degradation(text: str) -> tuple[Degradation, ...]:
    """Return the degradation of `KIND=SEVERITY`, or all five of `KIND`, in order of severity.

    Raises:
        UsageError: The kind or the severity is unknown.
    """
    name, separator, severity = text.partition("=")
    kind = KINDS.get(name.strip().lower().replace("_", "-"))
    if kind is None:
        raise UsageError(f"degradation {text!r}: unknown kind: {_suggest(name)}")
    if not separator:
        return tuple(Degradation(kind.name, each, kind.modality) for each in SEVERITIES)
    if severity.strip() not in map(str, SEVERITIES):
        raise UsageError(
            f"degradation {text!r}: unknown severity (got {severity.strip()!r}, expected 1 to 5):"
            f" use {kind.name}=3, or {kind.name} for all five"
        )
    return (Degradation(kind.name, int(severity), kind.modality),)


def _suggest(name: str) -> str:
    """Return the similar kinds as a question, else the list of all kinds."""
    wanted = name.strip().lower().replace("_", "-")
    parts = [kind for kind in KINDS if wanted and wanted in kind]
    near = list(dict.fromkeys([*parts, *get_close_matches(wanted, KINDS)]))
    return f"did you mean {' or '.join(near)}?" if near else f"use one of {', '.join(KINDS)}"
