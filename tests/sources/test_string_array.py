"""A string array returns what was put in, byte for byte, and little more memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avme.sources.string_array import StringArray

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.slow
@given(st.lists(TEXT, max_size=20))
def test_texts_come_back_in_order(texts: list[str]) -> None:
    array = StringArray(texts)

    assert len(array) == len(texts)
    assert list(array) == texts
    assert [array.get_bytes(index) for index in range(len(array))] == [
        text.encode() for text in texts
    ]


@given(st.lists(TEXT, min_size=1, max_size=20))
def test_utf8_sorts_as_the_text_does(texts: list[str]) -> None:
    array = StringArray(texts)
    order = sorted(range(len(texts)), key=array.get_bytes)

    assert [array[index] for index in order] == sorted(texts)


def test_selection_may_repeat_and_reorder() -> None:
    array = StringArray(["a", "", "ccc"])

    assert list(array.take(np.array([2, 0, 2, 1]))) == ["ccc", "a", "ccc", ""]


@given(st.lists(TEXT, max_size=20))
def test_argsort_is_stable_and_repeated_marks_all_but_the_first(texts: list[str]) -> None:
    array = StringArray(texts)

    order = array.argsort()

    assert order.tolist() == sorted(range(len(texts)), key=texts.__getitem__)
    kept = array.take(order[~array.repeated(order)])
    assert list(kept) == sorted(set(texts))


@pytest.mark.slow
def test_argsort_of_more_strings_than_one_piece_merges_the_pieces() -> None:
    texts = [f"{number:05d}" for number in np.random.default_rng(0).permutation(9000)]

    assert list(StringArray(texts).take(StringArray(texts).argsort())) == sorted(texts)
