"""Values of JSON become records only where every type is that of its field."""

from dataclasses import dataclass

import pytest

from avme.io.strict_json import parse_json, typed_record


@dataclass(frozen=True)
class Point:
    name: str
    index: float
    count: int = 0
    is_seen: bool = False
    note: str | None = None


def test_typed_record_takes_its_fields_and_ignores_others() -> None:
    values = parse_json('{"name": "a", "index": 1, "note": null, "later": [1]}')

    assert typed_record(Point, values) == Point("a", 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "found list, expected an object"),
        ('{"name": "a"}', "index"),
        ('{"name": ["a"], "index": 1}', "name is list"),
        ('{"name": "a", "index": true}', "index is bool"),
        ('{"name": "a", "index": 1, "count": 1.0}', "count is float"),
        ('{"name": "a", "index": 1, "count": true}', "count is bool"),
        ('{"name": "a", "index": 1, "is_seen": 1}', "is_seen is int"),
        ('{"name": "a", "index": 1, "note": 1}', "note is int"),
    ],
)
def test_typed_record_with_value_of_another_type_names_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        typed_record(Point, parse_json(text))
