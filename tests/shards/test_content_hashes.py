"""Compact lists of content hashes."""

import base64
import hashlib

import numpy as np
import pytest

from avme.shards.content_hashes import find_hashes, pack_hashes, unpack_hashes


def sha(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def test_find_hashes_finds_those_of_the_packed_list_only() -> None:
    packed = pack_hashes([sha(number) for number in range(0, 1000, 2)])

    found = find_hashes([sha(number) for number in range(1000)], packed)

    assert found.tolist() == [number % 2 == 0 for number in range(1000)]


def test_pack_hashes_is_independent_of_order_and_repetition() -> None:
    hashes = [sha(number) for number in range(50)]

    packed = pack_hashes(hashes)

    assert packed == pack_hashes([*reversed(hashes), *hashes])
    assert len(packed) == 4 * -(-8 * 50 // 3)
    expected = sorted(int(one[:16], 16) for one in hashes)
    assert unpack_hashes(packed).tolist() == expected


def test_pack_hashes_of_no_clip_contains_none() -> None:
    assert pack_hashes([]) == ""
    assert find_hashes([sha(1)], "").tolist() == [False]
    assert find_hashes([], pack_hashes([sha(1)])).tolist() == []


@pytest.mark.parametrize(
    "text",
    [
        "not base64!",
        base64.b64encode(b"seven..").decode(),
        base64.b64encode(np.array([2, 1], dtype=">u8").tobytes()).decode(),
        "\u00e9",
    ],
)
def test_unpack_hashes_of_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="list of hashes"):
        unpack_hashes(text)
