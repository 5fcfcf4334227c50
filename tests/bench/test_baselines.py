"""Peers do the same job as we: the same frames, the same box."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from avme.bench.baselines import PEERS, Baselines, find_baselines, without_broken
from avme.data.crop import Box, crop_resize
from avme.errors import UsageError


@pytest.mark.parametrize("name", PEERS)
def test_baseline_returns_the_requested_frames_and_box(
    name: str, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    peers = find_baselines([name, "pyav"])
    if name in peers.absent:
        pytest.skip(f"{name} is {peers.absent[name]}")
    video = make_video(tmp_path / "a.avi", frames=12, size="64x48")
    whole = peers.present["pyav"](video, [2, 5, 8, 8], Box(0, 0, 48, 48), 48)

    found = peers.present[name](video, [2, 5, 8, 8], Box(4, 6, 40, 40), 20)

    expected = crop_resize(whole, Box(4, 6, 40, 40), 20)
    other = crop_resize(whole.flip(0), Box(4, 6, 40, 40), 20)
    assert found.shape == (4, 3, 20, 20)
    assert found.dtype == torch.uint8
    error = (found.float() - expected.float()).abs().mean()
    assert error < 0.5 * (found.float() - other.float()).abs().mean()


def test_find_peers_with_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown baseline 'moviepy': expected torchcodec, pyav"):
        find_baselines(["moviepy"])


def test_find_peers_with_missing_package_reports_it_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)

    assert find_baselines(["pyav", "decord"]).absent == {"decord": "not installed"}


LONG = (
    """Could not load libtorchcodec. Likely causes:
          1. FFmpeg is not properly installed in your environment.
"""
    + "FFmpeg version 9: Traceback\n" * 200
)


def missing(error: Exception) -> Callable[..., Any]:
    def load(*_: object) -> Any:
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError(LONG), "cannot be loaded (Could not load libtorchcodec)"),
        (OSError(f"lib{'x' * 6000}.so: cannot open"), f"cannot be loaded (lib{'x' * 74}...)"),
        (ModuleNotFoundError("No module named 'PIL'", name="PIL"), "cannot be loaded (No module "),
        (RuntimeError(""), "cannot be loaded (RuntimeError)"),
    ],
)
def test_find_peers_with_broken_package_reports_a_short_reason(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PEERS, "decord", missing(error))

    found = find_baselines(["decord", "pyav"])

    assert list(found.present) == ["pyav"]
    assert found.absent["decord"].startswith(reason)
    assert len(found.absent["decord"]) < 110


def test_without_broken_drops_baseline_that_fails_at_its_first_call(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    video = make_video(tmp_path / "a.avi", frames=4, size="64x48")
    present = {"torchcodec": missing(RuntimeError(LONG)), "pyav": PEERS["pyav"]()}

    found = without_broken(Baselines(present, {}), video, [0, 2], Box(0, 0, 48, 48))

    assert list(found.present) == ["pyav"]
    assert found.absent == {"torchcodec": "cannot be loaded (Could not load libtorchcodec)"}
