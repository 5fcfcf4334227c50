"""Arguments of the commands on features are checked before torch is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import sys
from avme_cli.app import app
try:
    app(sys.argv[1:], prog_name="avme")
except SystemExit as ended:
    code = ended.code
heavy = {"torch", "numpy", "h5py", "sklearn", "scipy", "matplotlib"} & set(sys.modules)
print(code, sorted(heavy))
"""


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
    args: str, code: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "some.pth").write_text("not read here")
    (tmp_path / "empty").mkdir()
    (tmp_path / "data").mkdir()

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *args.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == f"{code} []"
    assert said in done.stderr
