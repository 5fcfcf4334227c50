"""Names of a head's rows: every form in which people keep them, and none of them guessed."""

import json
from pathlib import Path
from typing import Any

import pytest

from avme.errors import ArtifactError, MismatchError
from avme.weights.class_names import names_in, read_class_names

FOUR = ("HammerThrow", "Hammering", "JumpRope", "JumpingJack")
"""UCF-101's order in classInd.txt (36, 35, 48, 47 there by ASCII)."""


@pytest.mark.parametrize(
    "text",
    [
        "HammerThrow\nHammering\nJumpRope\nJumpingJack\n",
        "\ufeffHammerThrow\r\nHammering\r\n\r\nJumpRope\r\nJumpingJack\r\n",
        "1 HammerThrow\n2 Hammering\n3 JumpRope\n4 JumpingJack\n",
        "4 JumpingJack\n3 JumpRope\n2 Hammering\n1 HammerThrow",
        "0 HammerThrow\n1 Hammering\n2 JumpRope\n3 JumpingJack\n",
        json.dumps(FOUR),
        json.dumps(dict(enumerate(FOUR))),
        json.dumps({name: row for row, name in enumerate(FOUR)}),
        json.dumps({"model_type": "videomae", "id2label": {"1": FOUR[1], "0": FOUR[0], "3": FOUR[3],
                                                            "2": FOUR[2]}}),
    ],
)  # fmt: skip
def test_read_class_names_is_equal_for_every_form(text: str, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text(text, encoding="utf-8", newline="")

    assert read_class_names(tmp_path / "names.txt", 4) == FOUR


def test_read_class_names_accepts_blanks_and_leading_numbers(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("7 up\n100 m sprint\neating spaghetti\n")

    assert read_class_names(tmp_path / "names", 3) == ("7 up", "100 m sprint", "eating spaghetti")


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("a\nb\n", MismatchError, "names 2 classes, the head has 3 rows"),
        ("a\nb\na\n", MismatchError, "names a 2 times, expected once"),
        ("", ArtifactError, "names no classes: expected a name in each line, `1 ApplyEye"),
        ("{broken", ArtifactError, "is not JSON"),
        (
            "1 a\n1 b\n3 c\n",
            ArtifactError,
            "numbers its classes 1, 1, 3, expected 1 to 3 or 0 to 2",
        ),
        ("1 a\n2 b\n4 c\n", ArtifactError, "numbers its classes 1, 2, 4, expected 1 to 3"),
        ('{"0": "a", "2": "b", "3": "c"}', ArtifactError, "names no classes"),
        ('["a", 1, "c"]', ArtifactError, "names no classes"),
    ],
)
def test_others_are_refused(text: str, kind: type[Exception], line: str, tmp_path: Path) -> None:
    (tmp_path / "names").write_text(text)

    with pytest.raises(kind, match=line):
        read_class_names(tmp_path / "names", 3)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"0": "a", "1": "b"}, ("a", "b")),
        ({"0": "LABEL_0", "1": "LABEL_1"}, ()),
        ({"0": "a", "1": "a"}, ()),
        ({"0": "a"}, ()),
        ({"0": "a", "2": "b"}, ()),
        (None, ()),
    ],
)
def test_id2label_counts_only_where_it_names_each_row(labels: Any, names: tuple[str, ...]) -> None:
    assert names_in({"id2label": labels}, 2) == names
