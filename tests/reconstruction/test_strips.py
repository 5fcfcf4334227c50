"""Rows of frames with their labels."""

import numpy as np

from avme.reconstruction.comparison import Panel
from avme.reconstruction.quality import Quality
from avme.reconstruction.strips import color_table, colored_difference, quality_text, strips_of

DESCRIBED = {"ours": "video and audio", "videomae": "video only"}


def test_strips_of_panel_pair_every_version_with_its_difference(panel: Panel) -> None:
    pairs = strips_of(panel, DESCRIBED)

    best = panel.best_baseline.name
    assert [upper.name for upper, _ in pairs] == ["original", "ours", "videomae", best]
    assert [lower.is_difference for _, lower in pairs] == [False, True, True, True]
    assert pairs[0][0].caption == "a frame every 0.08 s"
    assert pairs[0][1].caption == "25% is visible"
    ours = panel.models[0]
    kind, quality, visible = pairs[1][0].caption.split("\n")
    assert (kind, quality) == ("video and audio", quality_text(ours.shown_quality))
    assert visible == f"visible statistics: {ours.quality['visible', 'real'].psnr_db:.1f} dB"
    assert "statistics" not in pairs[2][0].caption
    assert pairs[3][0].caption.startswith("best free baseline\n")


def test_colored_difference_grows_brighter_up_to_its_limit() -> None:
    apart = np.array([[[0.0, 64.0, 128.0, 255.0]]])

    found = colored_difference(apart)[0, 0]

    assert found[0].sum() < 10
    assert found[0].sum() < found[1].sum() < found[2].sum()
    assert np.array_equal(found[2], found[3])
    assert np.array_equal(found[3], color_table()[-1])


def test_quality_text_without_ssim_has_psnr_alone() -> None:
    assert quality_text(Quality(12.34, None)) == "12.3 dB"
    assert quality_text(Quality(12.34, 0.456)) == "12.3 dB, SSIM 0.46"
