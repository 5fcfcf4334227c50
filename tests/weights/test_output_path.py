"""An output path is refused before any weights are read."""

from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.weights.output_path import require_output


@pytest.mark.parametrize(
    ("form", "name"),
    [("official", "a.pth"), ("official", "a.pt"), ("huggingface", "a"), ("avme", "a.safetensors")],
)
def test_fitting_name_is_accepted(form: str, name: str, tmp_path: Path) -> None:
    require_output(tmp_path / name, form)


@pytest.mark.parametrize(
    ("form", "name", "expected"),
    [
        ("official", "a.bin", "ends in .pth"),
        ("huggingface", "a.pth", "a folder"),
        ("avme", "a", "ends in .safetensors"),
    ],
)
def test_require_output_with_other_name_is_refused(
    form: str, name: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=expected):
        require_output(tmp_path / name, form)


def test_existing_path_is_refused_even_as_a_dangling_symlink(tmp_path: Path) -> None:
    (tmp_path / "a.pth").symlink_to(tmp_path / "nowhere")

    with pytest.raises(UsageError, match="exists already"):
        require_output(tmp_path / "a.pth", "official")
