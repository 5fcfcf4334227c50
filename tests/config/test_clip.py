"""Window settings, and their fit to the grid of a model."""

from typing import Any

import pytest

from avme.config.clip import MOST_PIXELS, ClipConfig, check_extent, check_grid
from avme.config.model import ModelConfig
from avme.models.autoencoder import grid_of


def model(**visual: int) -> ModelConfig:
    return ModelConfig.model_validate({"visual": visual})


@pytest.mark.parametrize(("frames", "stride"), [(16, 4), (2, 1), (8, 3)])
def test_clip_config_spans_all_source_frames_with_four_rows_each(frames: int, stride: int) -> None:
    clip = ClipConfig(num_frames=frames, frame_stride=stride)

    assert clip.span_frames == len(range(0, frames * stride))
    assert clip.span_rows == 4 * clip.span_frames


@pytest.mark.parametrize(
    ("clip", "visual", "line"),
    [
        ({"image_size": 100}, {}, "clip.image_size 100 is not divisible by .*patch_size 16"),
        ({"num_frames": 15}, {}, "clip.num_frames 15 is not divisible by .*tubelet_size 2"),
        ({"num_frames": 16}, {"tubelet_size": 3}, "is not divisible by .*tubelet_size 3"),
    ],
)
def test_check_grid_with_remainder_is_refused(
    clip: dict[str, Any], visual: dict[str, int], line: str
) -> None:
    with pytest.raises(ValueError, match=line):
        check_grid(ClipConfig(**clip), model(**visual))


def test_check_grid_of_accepted_window_gives_whole_tokens() -> None:
    clip, config = ClipConfig(num_frames=6, image_size=48), model(tubelet_size=3)

    check_grid(clip, config)

    grid = grid_of(config, clip)
    assert (grid.slots, grid.rows, grid.columns) == (2, 3, 3)


def test_check_extent_limits_the_pixels_of_a_window() -> None:
    config = model(patch_size=256)
    largest, larger = (ClipConfig(num_frames=64, image_size=size) for size in (4096, 4112))
    assert 64 * largest.image_size**2 == MOST_PIXELS

    check_extent(largest, config)
    with pytest.raises(ValueError, match=f"are {64 * 4112**2:,} pixels, expected at most"):
        check_extent(larger, config)


def test_check_extent_limits_both_tables_of_positions() -> None:
    wide = ModelConfig.model_validate({"pos_embed_grid": [64, 128, 128]})

    with pytest.raises(ValueError, match=r"model\.pos_embed_grid has 64 x 128 x 128 places"):
        check_extent(ClipConfig(), wide)
    with pytest.raises(ValueError, match="the window has 32 x 128 x 128 places of width 768"):
        check_extent(ClipConfig(num_frames=64, image_size=2048), model())
