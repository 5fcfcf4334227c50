"""Failures of DataLoader workers become one line that says what to change."""

import pytest

from avme.data.worker_errors import explain_worker_error


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment only for workers that end."""
    monkeypatch.setattr("avme.data.worker_errors._SECONDS_TO_END", 0.05)


@pytest.mark.parametrize(
    "reason", ["No space left on device (28)", "Resource temporarily unavailable (11)"]
)
def test_full_shared_memory_names_its_folder_whatever_errno_torch_adds(reason: str) -> None:
    """torch 2.11 adds the text of an unrelated errno; 2.14 the right one."""
    error = RuntimeError(
        f"unable to allocate shared memory(shm) for file </torch_16769_37_0>: {reason}"
    )

    assert "/dev/shm" in str(explain_worker_error(error, []))


def test_exhausted_processes_name_the_limit() -> None:
    error = RuntimeError("can't start new thread")

    assert "ulimit -u" in str(explain_worker_error(error, []))
