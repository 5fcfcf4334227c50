"""A lookup agrees with a dictionary, also where hashes collide."""

from hypothesis import given
from hypothesis import strategies as st

from avme.sources.clip_lookup import ClipLookup


class Colliding(str):
    """Text of which every value has the same hash."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 7


@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_find_returns_the_last_index_of_a_key(keys: list[str]) -> None:
    lookup = ClipLookup(len(keys), keys.__getitem__)

    for key in "abcde":
        indices = [index for index, each in enumerate(keys) if each == key]
        assert list(lookup.all(key)) == indices[::-1]
        assert lookup.find(key) == (indices[-1] if indices else None)
    assert len(lookup) == len(set(keys))


@given(st.lists(st.sampled_from("abc"), max_size=10))
def test_repeated_lists_every_shared_key_once(keys: list[str]) -> None:
    lookup = ClipLookup(len(keys), keys.__getitem__)
    groups = {key: [i for i, each in enumerate(keys) if each == key] for key in set(keys)}

    expected = sorted(group for group in groups.values() if len(group) > 1)
    assert sorted(lookup.repeated()) == expected


def test_clip_lookup_separates_different_keys_with_equal_hashes() -> None:
    keys = [Colliding("a"), Colliding("b"), Colliding("a")]
    lookup = ClipLookup(len(keys), keys.__getitem__)

    assert list(lookup.all(Colliding("a"))) == [2, 0]
    assert lookup.find(Colliding("c")) is None
