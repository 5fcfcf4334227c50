"""Table of a comparison: mean PSNR and SSIM of every model and baseline over the clips."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from avme.reconstruction.clip_inputs import AudioVersion
from avme.reconstruction.comparison import FLAT, Panel, Statistics
from avme.reconstruction.quality import Quality

UNNORMALIZED: Final[Mapping[Statistics | None, str]] = {
    "hidden": "hidden patches",
    "visible": "visible patches",
    None: "-",
}
"""Origin of mean and deviation, as tables name it."""

Audio = AudioVersion | None


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean over clips."""

    psnr_db: float
    ssim: float | None
    """None if no clip has one."""
    num_clips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One way to complete the clips of a setup."""

    setup: str
    name: str
    kind: str
    """`model`, `reference` (uses hidden statistics), or `free`."""
    statistics: Statistics | None
    by_audio: Mapping[Audio, Mean]
    """By audio; None where there is none. Empty if it has no value."""
    reason: str = ""
    """Reason for the absence of a value."""

    def as_record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "setup": self.setup,
            "name": self.name,
            "kind": self.kind,
            "statistics": self.statistics,
            "scores": {
                audio or "none": {
                    "psnr_db": mean.psnr_db,
                    "ssim": mean.ssim,
                    "num_clips": mean.num_clips,
                }
                for audio, mean in self.by_audio.items()
            },
            "reason": self.reason,
        }


_Key = tuple[str, str, str, Statistics | None]


@dataclass(slots=True)
class Scores:
    """Qualities of all clips so far; memory grows by numbers only."""

    _found: dict[_Key, dict[Audio, list[Quality]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    _absent: dict[_Key, str] = field(default_factory=dict)

    def add(self, panel: Panel) -> None:
        """Add a clip in one setup."""
        setup = str(panel.setup)
        for version in (*panel.models, *panel.baselines):
            kind = "free" if version.is_baseline else "model"
            for (statistics, audio), quality in version.quality.items():
                self._found[setup, kind, version.name, statistics][audio].append(quality)
        if panel.flat is not None:
            self._found[setup, "reference", FLAT, "hidden"][None].append(panel.flat)
        for name, reason in panel.absent.items():
            self._absent[setup, "free", name, None] = reason

    def rows(self) -> list[ScoreRow]:
        """Return the rows: by setup, models before references before free baselines."""
        order = ("model", "reference", "free")
        setups = list(dict.fromkeys(key[0] for key in self._found))
        found = [*self._found, *(key for key in self._absent if key not in self._found)]
        found.sort(key=lambda key: (setups.index(key[0]), order.index(key[1])))
        return [
            ScoreRow(
                setup=setup,
                name=name,
                kind=kind,
                statistics=statistics,
                by_audio={
                    audio: _mean(qualities)
                    for audio, qualities in self._found.get(
                        (setup, kind, name, statistics), {}
                    ).items()
                },
                reason=self._absent.get((setup, kind, name, statistics), ""),
            )
            for setup, kind, name, statistics in found
        ]


def _mean(qualities: Sequence[Quality]) -> Mean:
    similar = [quality.ssim for quality in qualities if quality.ssim is not None]
    return Mean(
        float(np.mean([quality.psnr_db for quality in qualities])),
        float(np.mean(similar)) if similar else None,
        len(qualities),
    )
