"""Schedule of checkpoints: frequent if saving is cheap, rare otherwise."""

import time
from collections.abc import Callable

_LARGEST_SHARE = 0.01
"""Maximum fraction of a run's time for saving."""


class Saver:
    """Calls `save` and measures its cost; `step_now` returns the step that it saves."""

    def __init__(
        self, save: Callable[[], None], step_now: Callable[[], int], longest_seconds: float
    ) -> None:
        self._save, self._step_now, self._longest = save, step_now, longest_seconds
        self._cost = self._at = 0.0
        self.step = step_now()
        """Step of the last checkpoint."""

    def save(self) -> None:
        """Save now."""
        began = time.monotonic()
        self._save()
        self._at = time.monotonic()
        self._cost = self._at - began
        self.step = self._step_now()

    def is_due(self) -> bool:
        """Return True if the maximum interval is over, or if saving now is cheap."""
        sooner = self._cost / _LARGEST_SHARE
        return time.monotonic() - self._at > min(self._longest, sooner)
