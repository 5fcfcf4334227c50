"""Times of checkpoints: often where saving is cheap, seldom where it is not."""

import time
from collections.abc import Callable

_LARGEST_SHARE = 0.01
"""Of the time of a run that saving may take."""


class Saver:
    """Calls `save` and measures what it costs; `step_now` gives the step that it saves."""

    def __init__(
        self, save: Callable[[], None], step_now: Callable[[], int], longest_seconds: float
    ) -> None:
        self._save, self._step_now, self._longest = save, step_now, longest_seconds
        self._cost = self._at = 0.0
        self.step = step_now()
        """Of the last checkpoint."""

    def save(self) -> None:
        """Save now."""
        began = time.monotonic()
        self._save()
        self._at = time.monotonic()
        self._cost = self._at - began
        self.step = self._step_now()

    def is_due(self) -> bool:
        """Return True if the longest time is over, or a sooner one that costs little."""
        sooner = self._cost / _LARGEST_SHARE
        return time.monotonic() - self._at > min(self._longest, sooner)
