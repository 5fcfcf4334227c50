"""Batches that are prepared ahead fit into shared memory, or the run is refused in a line."""

import os

import pytest

from avme.data.shared_memory import free_shared_memory, prefetch_factor
from avme.errors import SystemRequirementError

MB = 1_000_000


@pytest.mark.parametrize(
    ("free", "workers", "ranks", "factor"),
    [
        (90 * MB, 2, 1, 4),  # (2 x 4 + 1) x 10 MB
        (89 * MB, 2, 1, 3),
        (50 * MB, 2, 1, 2),
        (30 * MB, 2, 1, 1),
        (180 * MB, 2, 2, 4),
        (60 * MB, 2, 2, 1),
        (None, 64, 8, 4),
    ],
)
def test_prefetch_factor_is_as_many_batches_as_fit(
    free: int | None, workers: int, ranks: int, factor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.data.shared_memory.free_shared_memory", lambda: None)

    assert prefetch_factor(10 * MB, workers, ranks, free) == factor


def test_prefetch_factor_without_room_for_a_batch_names_the_fixes() -> None:
    with pytest.raises(SystemRequirementError) as caught:
        prefetch_factor(10 * MB, 2, 1, 29 * MB)

    said = str(caught.value)
    assert "has 29.0 MB free, but --workers 2 needs 30.0 MB for batches of 10.0 MB" in said
    assert all(way in said for way in ("--workers 0", "train.micro_batch_size", "--shm-size"))


def test_free_shared_memory_equals_that_of_the_system() -> None:
    found = free_shared_memory()

    if os.path.isdir("/dev/shm"):
        system = os.statvfs("/dev/shm")
        assert found is not None
        assert found <= system.f_blocks * system.f_frsize
    else:
        assert found is None
