"""The position table is the one that every VideoMAE checkpoint was trained with."""

import numpy as np
import pytest
from transformers.models.videomae.modeling_videomae import get_sinusoid_encoding_table

from avme.models.positions import sine_cosine_table


@pytest.mark.parametrize(("tokens", "dim"), [(1568, 768), (1568, 384), (5, 6)])
def test_table_equals_that_of_transformers(tokens: int, dim: int) -> None:
    theirs = get_sinusoid_encoding_table(tokens, dim)[0].numpy()

    np.testing.assert_allclose(sine_cosine_table(tokens, dim).numpy(), theirs, atol=1e-6)
