"""Shares of the shards: disjoint, complete, equal in size."""

import pytest

from avme.errors import UsageError
from avme.prep.partition import Partition, parse_partition


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_shares_are_disjoint_complete_and_even(count: int) -> None:
    shares = [Partition(index, count).select(range(13)) for index in range(1, count + 1)]

    assert sorted(item for share in shares for item in share) == list(range(13))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_reading_and_printing_agree() -> None:
    assert parse_partition("2/8") == Partition(2, 8)
    assert str(Partition(2, 8)) == "2/8"


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/", "a/b", "-1/2", "1/2/3", "1/0", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected i/N with i from 1 to N"):
        parse_partition(text)
