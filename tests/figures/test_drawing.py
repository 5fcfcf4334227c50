"""A picture that fails is a warning that names it, and leaves nothing half-drawn."""

from pathlib import Path

import pytest

from avme.figures.drawing import draw_or_warn
from avme.progress import NullReporter


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize("error", [ValueError("odd\nname"), MemoryError(), OSError(28, "full")])
def test_draw_or_warn_after_failure_warns_and_removes_the_old_figure(
    error: Exception, tmp_path: Path
) -> None:
    report, path = Listening(), tmp_path / "a.png"
    path.write_bytes(b"an older one")

    def draw(temporary: Path) -> None:
        temporary.write_bytes(b"half a picture")
        raise error

    assert not draw_or_warn(path, draw, report)
    assert list(tmp_path.iterdir()) == []
    (line,) = report.lines
    assert line.startswith(f"warning: {path} was not drawn ({type(error).__name__}")
    assert "\n" not in line


def test_draw_or_warn_after_success_logs_nothing(tmp_path: Path) -> None:
    report, path = Listening(), tmp_path / "a.png"

    assert draw_or_warn(path, lambda temporary: temporary.write_bytes(b"a picture"), report)
    assert (path.read_bytes(), report.lines) == (b"a picture", [])


def test_ctrl_c_is_no_failure(tmp_path: Path) -> None:
    def draw(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_or_warn(tmp_path / "a.png", draw, NullReporter())
