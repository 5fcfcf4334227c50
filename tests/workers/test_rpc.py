"""Remote calls through a pipe: results, errors, and the end of the serving process."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest

PROGRAM = """
import sys
from multiprocessing.connection import Connection
from avme.workers.rpc import serve_calls

serve_calls(
    Connection(int(sys.argv[1])),
    named=lambda error: KeyError(str(error)) if isinstance(error, OSError) else error,
    last=lambda: print("closed", flush=True),
)
"""


class Server:
    """Process that serves calls."""

    def __init__(self, pipe: Connection, process: "subprocess.Popen[str]") -> None:
        self.pipe, self.process = pipe, process

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.pipe.send_bytes(pickle.dumps((function, arguments)))
        result, error = pickle.loads(self.pipe.recv_bytes())
        if error is not None:
            raise error
        return result


@pytest.fixture
def server() -> Iterator[Server]:
    ours, theirs = Pipe()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        theirs.close()
        yield Server(ours, process)
        process.kill()


def test_serve_calls_answers_in_order_and_keeps_state(server: Server) -> None:
    for number in (3, 4):
        server.pipe.send_bytes(pickle.dumps((pow, (number, 2))))

    assert [pickle.loads(server.pipe.recv_bytes()) for _ in "ab"] == [(9, None), (16, None)]


def test_serve_calls_with_error_notes_where_it_came_from(server: Server) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        server.ask(divmod, 1, 0)

    assert "Traceback" in caught.value.__notes__[0]
    assert server.ask(abs, -1) == 1


def test_serve_calls_with_converted_error_has_no_note(server: Server) -> None:
    with pytest.raises(KeyError, match="No such file") as caught:
        server.ask(open, "/no/such/file")

    assert not getattr(caught.value, "__notes__", [])


def test_serve_calls_with_error_or_result_that_cannot_be_pickled_names_it(server: Server) -> None:
    odd = "(_ for _ in ()).throw(type('Odd', (Exception,), {})('no words'))"

    with pytest.raises(RuntimeError, match="Odd: no words"):
        server.ask(eval, odd)
    with pytest.raises(pickle.PicklingError, match="lambda"):
        server.ask(eval, "lambda: 1")
    assert server.ask(abs, -1) == 1


def test_serve_calls_ends_with_its_pipe_in_the_middle_of_a_call(server: Server) -> None:
    server.pipe.send_bytes(pickle.dumps((eval, ("__import__('time').sleep(600)",))))
    server.pipe.close()

    out, _ = server.process.communicate(timeout=60)

    assert (out, server.process.returncode) == ("closed\n", 1)
