"""Timer of device work, separate from time in which the host waits for it or for clips.

On CUDA work is timed between two events of the stream without cost for the host, which waits only
when the sum is read. On other devices work ends when the call returns.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class DeviceTimer:
    """Sum of device work since it was last read."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._seconds = 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Time the block; gaps between kernels count as work."""
        if self.device.type != "cuda":
            began = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - began
            return
        begin, end = (_event() for _ in range(2))
        begin.record()
        yield
        end.record()
        self._events.append((begin, end))

    def wait(self) -> None:
        """Wait for all work of the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def pop_ms(self) -> float:
        """Return the milliseconds since the last call; waits for the device."""
        self.wait()
        passed = 1000.0 * self._seconds
        passed += sum(float(begin.elapsed_time(end)) for begin, end in self._events)
        self._events, self._seconds = [], 0.0
        return passed


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
