"""The position table is the one that every VideoMAE checkpoint was trained with."""

import numpy as np
import pytest
import torch
from transformers.models.videomae.modeling_videomae import get_sinusoid_encoding_table

from avme.models.layers.pos_embed import positions_on, separable_table, sine_cosine_table
from avme.models.masking import Grid


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


def test_separable_table_equals_sines_and_cosines_of_each_axis() -> None:
    grid, dim = Grid(2, 3, 4), 16  # two pairs for the slot, three for the row, three for the column
    pairs = {"slot": (2, 2), "row": (3, 3), "column": (3, 4)}

    rows = []
    for slot in range(2):
        for row in range(3):
            for column in range(4):
                channels = []
                for where, (count, size) in zip((slot, row, column), pairs.values(), strict=True):
                    lengths = np.geomspace(2.0, 4.0 * size, count)
                    angle = 2.0 * np.pi * where / lengths
                    channels += [*np.sin(angle), *np.cos(angle)]
                rows.append(channels)

    np.testing.assert_allclose(separable_table(grid, dim).numpy(), rows, atol=1e-6)


def test_separable_table_has_rows_as_near_as_columns() -> None:
    table = separable_table(Grid(1, 8, 8), 64).view(8, 8, 64)

    down, right = table[1, 0] - table[0, 0], table[0, 1] - table[0, 0]

    assert down.norm() == pytest.approx(float(right.norm()), rel=1e-4)
    distances = torch.cdist(table.view(64, 64), table.view(64, 64)) + 9.0 * torch.eye(64)
    assert distances.min() == pytest.approx(float(right.norm()), rel=1e-4)


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
def test_separable_table_of_any_width_has_that_width(dim: int) -> None:
    assert separable_table(Grid(2, 3, 3), dim).shape == (18, dim)


def test_positions_of_a_layout_are_interpolated_alike() -> None:
    grid, trained = Grid(2, 4, 4), Grid(2, 2, 2)

    found = positions_on(grid, 16, trained, layout="separable")

    assert found.shape == (32, 16)
    assert torch.equal(positions_on(grid, 16, layout="separable"), separable_table(grid, 16))
    assert torch.equal(found[0], separable_table(trained, 16)[0])  # a corner keeps its own
