"""Remote calls through a pipe: requests, results, and the process that serves them.

The server exits when the other end of the pipe is closed, even in the middle of a call. Functions
and arguments are pickled, so functions must be importable by name.
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
"""Result or error of a call."""


def serve_calls(
    pipe: Connection,
    *,
    named: Callable[[Exception], Exception] = lambda error: error,
    last: Callable[[], object] = lambda: None,
) -> NoReturn:
    """Serve calls, one at a time; each result is an Outcome.

    Args:
        pipe: Connection to the client.
        named: Converts an error to one that can be sent.
        last: Called before the process exits.
    """
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read_requests, args=(pipe, requests, last), daemon=True).start()
    while True:
        reply = _reply(requests.get(), named)
        with suppress(OSError):  # no reader: `_read_requests` is about to end this process
            pipe.send_bytes(reply)


def _read_requests(
    pipe: Connection, requests: SimpleQueue[bytes], last: Callable[[], object]
) -> None:
    with suppress(EOFError, OSError):
        while True:
            requests.put(pipe.recv_bytes())
    try:
        last()
    finally:
        os._exit(1)


def _reply(message: bytes, named: Callable[[Exception], Exception]) -> bytes:
    try:
        function, arguments = pickle.loads(message)
        return pickle.dumps((function(*arguments), None))
    except Exception as error:
        named_error = named(error)
        if named_error is error:  # a traceback cannot be pickled
            named_error.add_note("".join(traceback.format_exception(error)))
    try:
        return pickle.dumps((None, named_error))
    except Exception:  # some errors contain what cannot be pickled
        return pickle.dumps((None, RuntimeError(f"{type(named_error).__name__}: {named_error}")))
