"""The checksum sees every value, and no layout."""

import json

import pytest

from avme.io.json_checksum import KEY, has_valid_checksum, with_checksum

CONTENT = {"b": [1, 2.5, None], "a": {"name": "Küche"}}


def test_has_valid_checksum_in_any_order_and_layout_is_true() -> None:
    written = json.dumps(with_checksum(CONTENT), indent=3, ensure_ascii=True)
    again = dict(reversed(json.loads(written).items()))

    assert has_valid_checksum(again)
    assert with_checksum(again)[KEY] == with_checksum(CONTENT)[KEY]


@pytest.mark.parametrize(
    "changes",
    [{"b": [1, 2.5, 0]}, {"b": [1.0, 2.5, None]}, {"c": None}, {"a": {"name": "\ud800"}}, {KEY: 3}],
)
def test_has_valid_checksum_of_changed_value_is_false(changes: dict[str, object]) -> None:
    assert not has_valid_checksum(with_checksum(CONTENT) | changes)


def test_has_valid_checksum_without_checksum_is_false() -> None:
    assert not has_valid_checksum(CONTENT)
