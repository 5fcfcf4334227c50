"""Which process of a run fails first, told to all of them within a minute.

A collective call waits for everybody, for half an hour if need be. So a thread of every process
gives a sign of life through the store that joins them, and looks for that of the next rank, in a
ring. A process that learns of a failure, and does not end by itself, is ended.
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
"""Without a sign of life for so long, a process or the store counts as lost."""
GRACE_SECONDS = 8.0
"""Left to a process that has to end, before it is ended."""
_VERDICT, _LEFT = "verdict", "left"
_NO_STORE = "the store that joins the processes is gone, with the first machine or its launcher"


@dataclass(frozen=True, slots=True)
class Failure:
    """What ended a run, and in which process."""

    reason: str
    rank: int | None = None
    """None where it is the process that started the others."""

    def __str__(self) -> str:
        return self.reason if self.rank is None else f"rank {self.rank}: {self.reason}"


class Siblings:
    """The other processes of a run, as this one sees them.

    `store` must be of this object alone: a call that hangs in it must not hold up others.
    """

    def __init__(
        self,
        store: Store,
        rank: int,
        world: int,
        *,
        silence_seconds: float = SILENCE_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        end: Callable[[Failure], None] | None = None,
    ) -> None:
        self.store, self.rank, self.world, self.next = store, rank, world, (rank + 1) % world
        self.silence_seconds, self.grace_seconds = silence_seconds, grace_seconds
        self.last_words: Callable[[Failure], None] = lambda failure: None
        """Called before this process is ended."""
        self._end = end or self._end_process
        self._failure: Failure | None = None
        self._known, self._gone = threading.Event(), threading.Event()
        # Counted in beats, not by the clock: who was suspended does not take others for dead.
        self._unanswered = self._silent = 0
        self._sign = b""
        self._who: list[tuple[int, str, str]] = []
        for work in (self._beat, self._wait):
            threading.Thread(target=work, name="avme-siblings", daemon=True).start()

    def failed(self, error: BaseException) -> Failure:
        """The failure that `error` of this process follows from, which may be the error itself."""
        text = f"{type(error).__name__}: {error}".strip()
        if is_echo(error):
            self._known.wait(self.silence_seconds + 2 * BEAT_SECONDS)
        else:
            self._find(self._claim(Failure(text, self.rank)))
        return self._failure or Failure(text, self.rank)

    def leave(self) -> None:
        """This process needs nobody any more."""
        self._gone.set()
        if self._known.is_set():
            return
        try:
            self.store.set(f"{_LEFT}/{self.rank}", _LEFT)
        except RuntimeError:
            return  # whoever kept the store has left already

    def _beat(self) -> None:
        """Talks to the store, and may hang in it."""
        number = 0
        try:
            self._meet()
            while not self._gone.wait(BEAT_SECONDS) and not self._known.is_set():
                number += 1
                self.store.set(f"beat/{self.rank}", str(number))
                failure = self._look()
                self._unanswered = 0
                if failure is not None:
                    self._find(failure)
        except RuntimeError:
            if not self._gone.wait(2 * BEAT_SECONDS):
                self._find(self._dead_neighbour() or Failure(_NO_STORE))

    def _meet(self) -> None:
        """Learns who the others are, as soon as all are there."""
        who = [os.getpid(), socket.gethostname(), _machine()]
        self.store.set(f"who/{self.rank}", json.dumps(who))
        names = [f"who/{rank}" for rank in range(self.world)]
        while not self.store.check(names):
            self._unanswered = 0
            if self._gone.wait(BEAT_SECONDS):
                return
        self._who = [tuple(json.loads(each)) for each in self.store.multi_get(names)]

    def _look(self) -> Failure | None:
        if self.store.check([_VERDICT]):
            return Failure(**json.loads(self.store.get(_VERDICT)))
        if self.store.check([f"{_LEFT}/{self.next}"]):
            return None
        dead = self._dead_neighbour()
        if dead is not None:
            return self._claim(dead)
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
        return self._claim(Failure(reason, self.next))

    def _dead_neighbour(self) -> Failure | None:
        """A rank of this machine that is not there any more, the first one after this."""
        machine = _machine()
        for rank in (*range(self.rank + 1, len(self._who)), *range(self.rank)):
            pid, host, its_machine = self._who[rank]
            if machine and machine == its_machine and _state_of(pid) in "ZX":
                return Failure(f"process {pid} on {host} died: killed, or out of memory", rank)
        return None

    def _claim(self, failure: Failure) -> Failure:
        """The failure that was told first, by whatever rank."""
        try:
            told = self.store.compare_set(_VERDICT, "", json.dumps(asdict(failure)))
        except RuntimeError:
            return failure
        return Failure(**json.loads(told))

    def _find(self, failure: Failure) -> None:
        if self._failure is None:
            self._failure = failure
        self._known.set()

    def _wait(self) -> None:
        """Ends this process where a failure does not; never talks to the store."""
        while not self._known.wait(BEAT_SECONDS):
            if self._gone.is_set():
                return
            # A launcher that is suspended (Ctrl-Z) keeps the store, and answers when it goes on.
            if _state_of(os.getppid()) not in "Tt":
                self._unanswered += 1
            if self._unanswered * BEAT_SECONDS > self.silence_seconds:
                self._find(Failure(_NO_STORE))
        if not self._gone.wait(self.grace_seconds) and self._failure is not None:
            self._end(self._failure)

    def _end_process(self, failure: Failure) -> None:
        self.last_words(failure)
        with suppress(OSError):  # nobody reads it
            sys.stderr.write(f"error: {escape_text(str(failure))}\n")  # nobody else can say it
            sys.stderr.flush()
        os._exit(1)


def is_echo(error: BaseException) -> bool:
    """Whether an error only says that a call to other processes did not come about."""
    known = isinstance(error, dist.DistError) or "gloo" in str(error).lower()
    return isinstance(error, RuntimeError) and known


def _machine() -> str:
    """Equal for processes that see each other under the same numbers; empty where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _state_of(pid: int) -> str:
    """The letter by which the system tells what a process does; X where there is none, or ?."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "X" if os.path.isdir("/proc/self") else "?"
    except OSError:
        return "?"
    return status.rpartition(")")[2].split()[0]
