"""Calls that come through a pipe, to what they return or raise; the process that does them.

It ends when whoever has the other end of the pipe is gone, however that ended and whatever it is
at itself. Functions and arguments are pickled, so a function is one that a module names.
"""

import os
import pickle
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, NoReturn

Outcome = tuple[Any, BaseException | None]
"""What a call returned, or what it raised."""


def answer(
    pipe: Connection,
    *,
    named: Callable[[Exception], Exception] = lambda error: error,
    last: Callable[[], object] = lambda: None,
) -> NoReturn:
    """Does one call after the other; answers with an Outcome.

    `named` says what is told of an error, and `last` is called before the process ends.
    """
    asked: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, asked, last), daemon=True).start()
    while True:
        reply = _reply(asked.get(), named)
        with suppress(OSError):  # nobody is there to read it: `_listen` is about to end this
            pipe.send_bytes(reply)


def _listen(pipe: Connection, asked: SimpleQueue[bytes], last: Callable[[], object]) -> None:
    with suppress(EOFError, OSError):
        while True:
            asked.put(pipe.recv_bytes())
    try:
        last()
    finally:
        os._exit(1)


def _reply(message: bytes, named: Callable[[Exception], Exception]) -> bytes:
    try:
        function, arguments = pickle.loads(message)
        return pickle.dumps((function(*arguments), None))
    except Exception as error:
        told = named(error)
        if told is error:  # a traceback does not travel
            told.add_note("".join(traceback.format_exception(error)))
    try:
        return pickle.dumps((None, told))
    except Exception:  # some errors hold what cannot be pickled
        return pickle.dumps((None, RuntimeError(f"{type(told).__name__}: {told}")))
