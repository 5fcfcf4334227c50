"""Nested settings and dotted keys are the same thing in two forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avme.config.dotted_keys import flatten, nest

NAMES = st.text("abc_", min_size=1, max_size=3)
TREES = st.recursive(
    st.integers(), lambda inner: st.dictionaries(NAMES, inner, min_size=1), max_leaves=8
).filter(lambda tree: isinstance(tree, dict))


@pytest.mark.slow
@given(TREES)
def test_nesting_undoes_flattening(tree: dict[str, object]) -> None:
    assert nest(flatten(tree)) == tree
