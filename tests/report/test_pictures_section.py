"""Pictures of a run are embedded within the budget, and linked beyond it."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from avme.report.pictures_section import pictures_section
from avme.report.runs import read_contents
from tests.report_files import read


def test_pictures_beyond_the_budget_are_links(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "runs" / "a")
    (run / "a.png").write_bytes(b"p" * 30)
    (run / "b.mp4").write_bytes(b"v" * 30)
    (run / "c d#1.gif").write_bytes(b"g" * 300)
    runs = read_contents([run]).runs

    section, used = pictures_section(runs, tmp_path, 80)

    shown = {tag: attributes for tag, attributes in read(section).found}
    assert used == 80
    assert shown["img"]["src"] == f"data:image/png;base64,{b64encode(b'p' * 30).decode()}"
    assert shown["video"]["src"] == f"data:video/mp4;base64,{b64encode(b'v' * 30).decode()}"
    assert shown["a"]["href"] == "runs/a/c%20d%231.gif"


def test_pictures_section_without_pictures_is_empty(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    assert pictures_section(read_contents([make_run(tmp_path / "a")]).runs, tmp_path, 9) == ("", 0)
