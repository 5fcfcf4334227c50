"""Options of windows: impossible numbers are refused."""

import pytest

from avme.errors import UsageError
from avme.inference.media_window import ViewOptions


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"segments": 2, "stride_seconds": 1.0}, "exclude each other"),
        ({"segments": 0}, "segments: expected at least 1"),
        ({"stride_seconds": 0.0}, "stride: expected a number of seconds above 0"),
        ({"stride_seconds": float("nan")}, "stride: expected"),
        ({"crops": 4}, "crops: expected 1 to 3"),
    ],
)
def test_view_options_that_are_impossible_are_refused(
    settings: dict[str, float], expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        ViewOptions(**settings)  # type: ignore[arg-type]


def test_view_options_by_default_choose_by_length() -> None:
    assert ViewOptions() == ViewOptions(segments=None, stride_seconds=None, crops=1)
