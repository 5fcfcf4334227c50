"""Arguments of the commands on features are checked before torch is imported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_HEAVY = {"torch", "numpy", "h5py", "sklearn", "scipy", "matplotlib"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ("embed none.pt", 2, "none.pt does not exist"),
        ("knn none.h5", 2, "none.h5 does not exist"),
        ("probe some.pth --data cats", 2, "--data cats: no such folder"),
        ("retrieval empty", 5, "empty holds no checkpoint"),
        ("embed some.pth --stage deep", 2, "Invalid value for '--stage'"),
        ("knn some.pth --segments 0", 2, "Invalid value for '--segments'"),
        ("embed some.pth --list val", 2, "Invalid value for '--list'"),
    ],
)
def test_wrong_argument_is_one_line_without_heavy_imports(
    args: str, code: int, said: str, tmp_path: Path, run_alone: Callable[..., Any]
) -> None:
    (tmp_path / "some.pth").write_text("not read here")
    (tmp_path / "empty").mkdir()
    (tmp_path / "data").mkdir()

    done = run_alone(*args.split(), cwd=tmp_path)

    assert (done.code, done.modules & _HEAVY) == (code, set())
    assert said in done.stderr
