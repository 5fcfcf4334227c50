"""Video encoder: token order, positions, depth of the stochastic blocks."""

import pytest
import torch
from torch import nn

from avme.config import VisualConfig
from avme.models.layers.dropout import DropPath
from avme.models.layers.pos_embed import positions_on
from avme.models.masking import Grid
from avme.models.video_encoder import VisualEncoder

CONFIG = VisualConfig(dim=32, depth=3, heads=4, patch_size=4)
GRID = Grid(2, 4, 4)
PIXELS = 2 * 4 * 4 * 3


def make_encoder(grid: Grid = GRID, **options: object) -> VisualEncoder:
    torch.manual_seed(0)
    return VisualEncoder(CONFIG, grid, **options).eval()  # type: ignore[arg-type]


def test_video_encoder_without_index_equals_all_positions_in_order() -> None:
    encoder, tubelets = make_encoder(), torch.rand(2, GRID.tokens, PIXELS)
    index = torch.arange(GRID.tokens).expand(2, -1)

    torch.testing.assert_close(encoder(tubelets), encoder(tubelets, index))


def test_video_encoder_with_permuted_tubelets_permutes_its_tokens() -> None:
    encoder, tubelets = make_encoder(), torch.rand(1, GRID.tokens, PIXELS)
    index = torch.randperm(GRID.tokens)[:7][None]
    chosen = tubelets[:, index[0]]

    tokens = encoder(chosen, index)
    reversed_tokens = encoder(chosen.flip(1), index.flip(1))

    torch.testing.assert_close(reversed_tokens.flip(1), tokens)
    assert not torch.allclose(encoder(chosen, index.flip(1)), tokens, atol=1e-3)


def test_video_encoder_without_blocks_is_embedding_plus_positions() -> None:
    config = CONFIG.model_copy(update={"final_norm": False})
    encoder, tubelets = VisualEncoder(config, GRID), torch.rand(1, GRID.tokens, PIXELS)
    encoder.blocks = nn.ModuleList()

    tokens = encoder(tubelets)

    torch.testing.assert_close(tokens, encoder.embedding(tubelets) + positions_on(GRID, 32))


@pytest.mark.parametrize(
    ("argument", "setting", "is_normalized"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
def test_video_encoder_final_norm_needs_argument_and_setting(
    argument: bool, setting: bool, is_normalized: bool
) -> None:
    config = CONFIG.model_copy(update={"final_norm": setting})

    encoder = VisualEncoder(config, GRID, final_norm=argument)
    tokens = encoder(torch.rand(1, GRID.tokens, PIXELS))

    means = tokens.mean(dim=-1)
    assert torch.allclose(means, torch.zeros_like(means), atol=1e-5) == is_normalized


def test_video_encoder_drop_path_grows_linearly_with_depth() -> None:
    encoder = make_encoder(drop_path=0.2)

    rates = [part.rate for part in encoder.modules() if isinstance(part, DropPath)]

    assert rates == pytest.approx([0.0, 0.1, 0.2])


def test_video_encoder_of_another_grid_interpolates_trained_positions() -> None:
    trained = Grid(2, 2, 2)

    encoder = make_encoder(trained=trained)

    assert torch.equal(encoder.positions, positions_on(GRID, 32, trained))
    assert not torch.equal(encoder.positions, positions_on(GRID, 32))
    assert "positions" not in encoder.state_dict()


def test_video_encoder_with_separable_positions_has_them() -> None:
    encoder = VisualEncoder(CONFIG.model_copy(update={"positions": "separable"}), GRID)

    assert torch.equal(encoder.positions, positions_on(GRID, 32, layout="separable"))
