"""The notebooks in examples/ run from the first to the last cell, and hold their outputs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "from_dataset_to_figure.ipynb"
MOST_BYTES = 300_000
_EXECUTE = """
import sys, nbclient, nbformat
source, target, folder = sys.argv[1:]
book = nbformat.read(source, as_version=4)
resources = {"metadata": {"path": folder}}
nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources=resources).execute()
nbformat.write(book, target)
"""


def outputs(path: Path) -> list[list[Any]]:
    """Return printed text, and the kinds of other outputs, of every code cell with any."""
    book = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    cells = [cell.outputs for cell in book.cells if cell.cell_type == "code"]
    return [[out.text if "text" in out else sorted(out.data) for out in cell] for cell in cells]


def test_notebook_holds_figures_and_is_small() -> None:
    kinds = [kind for cell in outputs(NOTEBOOK) for out in cell for kind in out]

    assert kinds.count("image/png") == 3
    assert NOTEBOOK.stat().st_size < MOST_BYTES


@pytest.mark.slow
def test_notebook_executed_again_gives_the_same_text_and_figures(tmp_path: Path) -> None:
    again = tmp_path / "again.ipynb"

    done = subprocess.run(
        [sys.executable, "-c", _EXECUTE, str(NOTEBOOK), str(again), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, done.stderr
    assert outputs(again) == outputs(NOTEBOOK)
