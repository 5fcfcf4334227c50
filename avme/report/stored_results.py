"""Parts of summary.json and controls.json that a report shows, checked before they are used."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from avme.errors import ArtifactError

Ends = tuple[float, float] | None


class _Part(BaseModel):
    n: int
    intervals: dict[str, Ends] = {}


class Summary(_Part):
    """Content of summary.json."""

    center_view: _Part | None = None
    by_audio: dict[str, _Part] = {}
    views: dict[str, int] = {}
    interval_method: dict[str, Any] = {}
    quarantined: int | None = None
    untrained_classes: list[str] = []


class _Verdict(BaseModel):
    verdict: str
    words: str


class _Row(BaseModel):
    clips: str
    audio: str
    frames: str
    degradation: str
    n: int
    top1: float | None
    top1_low: float | None
    top1_high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None


class _Estimate(BaseModel):
    mean: float
    interval: tuple[float, float]


class _Curve(BaseModel):
    kind: str
    severities: list[int]
    real: list[_Estimate]
    null: list[_Estimate]
    area: _Estimate


class Controls(BaseModel):
    """Content of controls.json."""

    verdict: dict[str, _Verdict] = {}
    table: list[_Row] = []
    degradation: list[_Curve] = []


def require_content(kind: type[Summary] | type[Controls], content: Any, path: Path) -> None:
    """Check the content of a file.

    Args:
        kind: Expected content.
        content: Parsed JSON.
        path: File.

    Raises:
        ArtifactError: A value is missing or of another type.
    """
    try:
        kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ArtifactError(
            f"{path} is not what `avme eval` writes ({place}: {first['msg'].lower()}): run "
            "`avme eval --overwrite`"
        ) from error
