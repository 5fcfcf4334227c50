"""Watchdog: detect the first failing rank through heartbeats and stop the others in a minute.

A collective call waits for all ranks, for up to half an hour. So a thread of every rank writes a
heartbeat to the group's store, and reads that of the next rank, in a ring. A rank that learns of a
failure, and does not end by itself, is ended.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch.distributed as dist
from torch.distributed.distributed_c10d import Store

from avme.io.escape import escape_text

BEAT_SECONDS = 1.0
SILENCE_SECONDS = 40.0
"""Time without a heartbeat after which a rank or the store counts as lost."""
GRACE_SECONDS = 8.0
"""Time for a rank to end by itself before it is ended."""
_VERDICT, _LEFT = "verdict", "left"
_NO_STORE = "the store of the process group is gone: the first machine or its launcher ended"


@dataclass(frozen=True, slots=True)
class RankFailure:
    """Cause of a run's end, and its rank."""

    reason: str
    rank: int | None = None
    """None for the process that started the ranks."""

    def __str__(self) -> str:
        return self.reason if self.rank is None else f"rank {self.rank}: {self.reason}"


class Watchdog:
    """Watchdog of the other ranks.

    `store` must not be shared with other users: a blocked call must not delay them.
    """

    def __init__(
        self,
        store: Store,
        rank: int,
        world: int,
        *,
        silence_seconds: float = SILENCE_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        end: Callable[[RankFailure], None] | None = None,
    ) -> None:
        self.store, self.rank, self.world, self.next = store, rank, world, (rank + 1) % world
        self.silence_seconds, self.grace_seconds = silence_seconds, grace_seconds
        self.last_words: Callable[[RankFailure], None] = lambda failure: None
        """Called before this process is ended."""
        self._end = end or self._end_process
        self._failure: RankFailure | None = None
        self._known, self._gone = threading.Event(), threading.Event()
        # Count heartbeats, not seconds: a suspended process must not report others as dead.
        self._unanswered = self._silent = 0
        self._sign = b""
        self._who: list[tuple[int, str, str]] = []
        for work in (self._heartbeat_loop, self._wait):
            threading.Thread(target=work, name="avme-siblings", daemon=True).start()

    def failed(self, error: BaseException) -> RankFailure:
        """Return the failure that caused `error` of this rank, possibly the error itself."""
        text = f"{type(error).__name__}: {error}".strip()
        if is_secondary_error(error):
            self._known.wait(self.silence_seconds + 2 * BEAT_SECONDS)
        else:
            self._record(self._publish_failure(RankFailure(text, self.rank)))
        return self._failure or RankFailure(text, self.rank)

    def leave(self) -> None:
        """Leave the group: this rank no longer depends on others."""
        self._gone.set()
        if self._known.is_set():
            return
        try:
            self.store.set(f"{_LEFT}/{self.rank}", _LEFT)
        except RuntimeError:
            return  # the host of the store has left already

    def _heartbeat_loop(self) -> None:
        """Exchange heartbeats through the store, which may block."""
        number = 0
        try:
            self._exchange_ids()
            while not self._gone.wait(BEAT_SECONDS) and not self._known.is_set():
                number += 1
                self.store.set(f"beat/{self.rank}", str(number))
                failure = self._check_next_rank()
                self._unanswered = 0
                if failure is not None:
                    self._record(failure)
        except RuntimeError:
            if not self._gone.wait(2 * BEAT_SECONDS):
                self._record(self._dead_neighbour() or RankFailure(_NO_STORE))

    def _exchange_ids(self) -> None:
        """Exchange process ids once all ranks have joined."""
        who = [os.getpid(), socket.gethostname(), _machine()]
        self.store.set(f"who/{self.rank}", json.dumps(who))
        names = [f"who/{rank}" for rank in range(self.world)]
        while not self.store.check(names):
            self._unanswered = 0
            if self._gone.wait(BEAT_SECONDS):
                return
        self._who = [tuple(json.loads(each)) for each in self.store.multi_get(names)]

    def _check_next_rank(self) -> RankFailure | None:
        if self.store.check([_VERDICT]):
            return RankFailure(**json.loads(self.store.get(_VERDICT)))
        if self.store.check([f"{_LEFT}/{self.next}"]):
            return None
        dead = self._dead_neighbour()
        if dead is not None:
            return self._publish_failure(dead)
        self._silent += 1
        if self.store.check([f"beat/{self.next}"]):
            sign = self.store.get(f"beat/{self.next}")
            if sign != self._sign:
                self._sign, self._silent = sign, 0
        silent = self._silent * BEAT_SECONDS
        if silent < self.silence_seconds:
            return None
        pid, host, _ = self._who[self.next]
        reason = f"process {pid} on {host} gave no sign of life for {silent:.0f} s"
        return self._publish_failure(RankFailure(reason, self.next))

    def _dead_neighbour(self) -> RankFailure | None:
        """Return the first rank after this one on this machine whose process is gone."""
        machine = _machine()
        for rank in (*range(self.rank + 1, len(self._who)), *range(self.rank)):
            pid, host, its_machine = self._who[rank]
            if machine and machine == its_machine and _state_of(pid) in "ZX":
                return RankFailure(f"process {pid} on {host} died: killed, or out of memory", rank)
        return None

    def _publish_failure(self, failure: RankFailure) -> RankFailure:
        """Publish a failure; return the one that was published first, by any rank."""
        try:
            verdict = self.store.compare_set(_VERDICT, "", json.dumps(asdict(failure)))
        except RuntimeError:
            return failure
        return RankFailure(**json.loads(verdict))

    def _record(self, failure: RankFailure) -> None:
        if self._failure is None:
            self._failure = failure
        self._known.set()

    def _wait(self) -> None:
        """End this process if a failure does not; never uses the store."""
        while not self._known.wait(BEAT_SECONDS):
            if self._gone.is_set():
                return
            # A suspended launcher (Ctrl-Z) hosts the store, and responds when it continues.
            if _state_of(os.getppid()) not in "Tt":
                self._unanswered += 1
            if self._unanswered * BEAT_SECONDS > self.silence_seconds:
                self._record(RankFailure(_NO_STORE))
        if not self._gone.wait(self.grace_seconds) and self._failure is not None:
            self._end(self._failure)

    def _end_process(self, failure: RankFailure) -> None:
        self.last_words(failure)
        with suppress(OSError):  # no reader
            sys.stderr.write(f"error: {escape_text(str(failure))}\n")  # the main thread is blocked
            sys.stderr.flush()
        os._exit(1)


def is_secondary_error(error: BaseException) -> bool:
    """Return True if an error only reports that a call to other ranks failed."""
    known = isinstance(error, dist.DistError) or "gloo" in str(error).lower()
    return isinstance(error, RuntimeError) and known


def _machine() -> str:
    """Return an id of the process-id namespace; empty if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _state_of(pid: int) -> str:
    """Return the state letter of a process; X if it is gone, ? if unknown."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "X" if os.path.isdir("/proc/self") else "?"
    except OSError:
        return "?"
    return status.rpartition(")")[2].split()[0]
