"""The position table is the one that every VideoMAE checkpoint was trained with."""

import numpy as np
import pytest
import torch
from transformers.models.videomae.modeling_videomae import get_sinusoid_encoding_table

from avme.models.masking import Grid
from avme.models.pos_embed import positions_on, sine_cosine_table


@pytest.mark.parametrize(("tokens", "dim"), [(1568, 768), (1568, 384), (5, 6)])
@pytest.mark.slow
def test_table_equals_that_of_transformers(tokens: int, dim: int) -> None:
    theirs = get_sinusoid_encoding_table(tokens, dim)[0].numpy()

    np.testing.assert_allclose(sine_cosine_table(tokens, dim).numpy(), theirs, atol=1e-6)


def test_positions_on_the_grid_of_the_weights_are_identical() -> None:
    grid = Grid(8, 14, 14)

    table = positions_on(grid, 32, Grid(8, 14, 14))

    assert torch.equal(table, sine_cosine_table(1568, 32))
    assert torch.equal(table, positions_on(grid, 32))


def test_positions_on_another_grid_interpolate_time_row_and_column() -> None:
    trained, grid = Grid(2, 3, 4), Grid(4, 3, 8)
    table = sine_cosine_table(trained.tokens, 6).numpy().reshape(2, 3, 4, 6)

    found = positions_on(grid, 6, trained).numpy().reshape(4, 3, 8, 6)

    def along(axis: int, new: int, old: int, values: np.ndarray) -> np.ndarray:
        centres = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        moved = np.moveaxis(values, axis, 0).reshape(old, -1)
        columns = [np.interp(centres, np.arange(old), column) for column in moved.T]
        rest = np.moveaxis(values, axis, 0).shape[1:]
        return np.moveaxis(np.stack(columns, axis=1).reshape(new, *rest), 0, axis)

    np.testing.assert_allclose(found, along(0, 4, 2, along(2, 8, 4, table)), atol=1e-6)


def test_positions_on_twice_as_large_frame_are_distinct() -> None:
    table = positions_on(Grid(2, 8, 8), 64, Grid(2, 4, 4))

    distances = torch.cdist(table, table) + 9.0 * torch.eye(len(table))

    assert distances.min() > 0.1
