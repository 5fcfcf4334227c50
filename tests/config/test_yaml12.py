"""YAML is read as people mean it."""

import pytest

from avme.config.yaml12 import read_yaml, write_yaml
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
def test_read_yaml_gives_scalars_their_plain_type(text: str, value: object) -> None:
    assert read_yaml(text, "here") == value


def test_words_that_look_like_other_things_survive_writing() -> None:
    content = {"on": "off", "split": "1", "date": "2024-01-01", "exponent": "4e-3", "empty": ""}

    assert read_yaml(write_yaml(content), "here") == content


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 40 + "]" * 40, "nested more than 32 levels deep, line 1"),
        ("- " * 40 + "x", "nested more than 32 levels deep, line 1"),
        ("a: &a {b: *a}", "*a contains itself, line 1"),
        (f"a: &a [{'x,' * 100}]\nb: [{'*a,' * 100}]", "more than 10,000 values"),
        ("- 1\n" * 10_001, "more than 10,000 values"),
        ("# " + 300_000 * "x", "has more than 262,144 characters"),
        ("{[a]: b}", "a key is a list or mapping, expected text, line 1"),
        ("a: !!float ''", "a value has a tag, expected a plain value, line 1"),
        ("a: !!bool x", "a value has a tag, expected a plain value, line 1"),
        ("a: !!timestamp x", "a value has a tag, expected a plain value, line 1"),
        ("a: " + "9" * 5000, "here is not YAML"),
    ],
)
def test_read_yaml_of_harmful_input_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "here")

    assert str(caught.value).startswith("here ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_that_stay_small_and_explicit_text_are_read() -> None:
    assert read_yaml("a: &a [1, 2]\nb: *a\nc: !!str 3", "here") == {
        "a": [1, 2],
        "b": [1, 2],
        "c": "3",
    }


def test_read_yaml_never_builds_an_object() -> None:
    with pytest.raises(ConfigError, match="here is not YAML"):
        read_yaml("!!python/object/apply:os.getcwd []", "here")
