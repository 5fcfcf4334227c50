"""Every error has the exit code that is documented, also after a trip through a process pool."""

import pickle
import re
from pathlib import Path

import pytest

from avme import errors
from avme.errors import AvmeError, MediaError, TooManyFailedClips

KINDS: list[type[AvmeError]] = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AvmeError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_error_docstrings_give_every_exit_code(kind: type[AvmeError]) -> None:
    assert errors.__doc__ is not None
    line = re.search(rf"^ *{kind.__name__} +(\d+) ", errors.__doc__, re.MULTILINE)

    assert line is not None
    assert int(line[1]) == kind.exit_code


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_pickling(kind: type[AvmeError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what was wrong")))

    assert type(error) is kind
    assert str(error) == "what was wrong"


def test_media_error_reason_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(TooManyFailedClips("too many", "cut")))

    assert isinstance(error, MediaError)
    assert error.reason == "cut"


def test_cli_page_lists_every_exit_code() -> None:
    page = (Path(__file__).parents[1] / "docs" / "cli.md").read_text()

    for code in {kind.exit_code for kind in KINDS} | {0, 130}:
        assert re.search(rf"^\| {code} \|", page, re.MULTILINE)
