"""Layout of the tests: every module has a test file at the mirrored path."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WITHOUT_TESTS = {
    "avme/io/filenames.py": "constants: names of files, used by the tests of their writers",
    "avme/media/decode_config.py": "one dataclass without methods",
    "cli/__main__.py": "calls main; run by test_app_as_module_is_the_same_program",
}
"""Modules without a test file, with the reason."""


def modules() -> list[str]:
    """Return the modules with code; an `__init__.py` of a docstring or imports has none."""
    found = [path for name in ("avme", "cli") for path in (ROOT / name).rglob("*.py")]
    return sorted(
        path.relative_to(ROOT).as_posix()
        for path in found
        if path.name != "__init__.py" or has_functions(path)
    )


def has_functions(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)


def mirrored(module: str) -> str:
    """Return the path of the test file: of `avme/a/b.py` and `avme/a/b/__init__.py` the same."""
    path = Path(module).with_suffix("")
    path = path.parent if path.name == "__init__" else path
    parts = path.parts[1:] if path.parts[:-1] and path.parts[0] == "avme" else path.parts
    return Path("tests", *parts[:-1], f"test_{parts[-1]}.py").as_posix()


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("avme/a/b.py", "tests/a/test_b.py"),
        ("avme/batch.py", "tests/test_batch.py"),
        ("avme/config/presets/__init__.py", "tests/config/test_presets.py"),
        ("cli/slurm/env.py", "tests/cli/slurm/test_env.py"),
        ("cli/__init__.py", "tests/test_cli.py"),
        ("avme/__init__.py", "tests/test_avme.py"),
    ],
)
def test_mirrored_path_of_module_keeps_its_folders(module: str, expected: str) -> None:
    assert mirrored(module) == expected


def test_modules_all_have_a_test_file() -> None:
    missing = {module for module in modules() if not (ROOT / mirrored(module)).is_file()}

    assert missing == set(WITHOUT_TESTS)


def test_folders_hold_at_most_17_modules_and_cli_24() -> None:
    modules = [path for name in ("avme", "cli") for path in (ROOT / name).rglob("*.py")]
    sizes = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for path in modules
        if not path.stem.startswith("__")
    )

    assert {name: n for name, n in sizes.items() if n > (24 if name == "cli" else 17)} == {}


def test_modules_without_tests_are_few() -> None:
    assert len(WITHOUT_TESTS) <= 12
    assert all((ROOT / module).is_file() for module in WITHOUT_TESTS)


def test_test_files_import_no_other_test_file() -> None:
    importing = {
        path.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and ".test_" in f".{node.module or ''}"
    }

    assert importing == set()
