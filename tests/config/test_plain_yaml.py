"""YAML is read as people mean it."""

import pytest

from avme.config.plain_yaml import read_yaml, write_yaml
from avme.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("4e-3", 4e-3),
        ("-1.5", -1.5),
        (".5", 0.5),
        ("010", 10),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("[0.5, 1]", [0.5, 1]),
    ],
)
def test_a_scalar_is_what_it_looks_like(text: str, value: object) -> None:
    assert read_yaml(text, "here") == value


def test_words_that_look_like_other_things_survive_writing() -> None:
    content = {"on": "off", "split": "1", "date": "2024-01-01", "exponent": "4e-3", "empty": ""}

    assert read_yaml(write_yaml(content), "here") == content


def test_an_object_is_never_built_from_a_file() -> None:
    with pytest.raises(ConfigError, match="here is not YAML"):
        read_yaml("!!python/object/apply:os.getcwd []", "here")
