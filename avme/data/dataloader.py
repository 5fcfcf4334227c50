"""DataLoader over clips: the same batches for any number of workers."""

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker, util
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from avme.batch import AVBatch
from avme.data.dataset import collate
from avme.data.shared_memory import PREFETCH, prefetch_factor
from avme.data.worker_errors import explain_worker_error, report_lost_batches
from avme.errors import SystemRequirementError
from avme.system.cpu_count import available_cores

_MOST_WORKERS = 8
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGUSR1, signal.SIGINT}
"""Often sent to all processes at once, but meant for the training loop, which needs its workers."""
_LONGEST_FOLDER = 60
"""Maximum length of a socket folder's path in bytes; the system allows 107 for the socket's."""
_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


class Loader:
    """Batches of a DataLoader; worker failures become one-line errors.

    Raises SystemRequirementError if a worker is killed or cannot send a batch, and any error of a
    worker. Ctrl-C or another stop request while waiting for a batch ends the workers: a worker that
    is still starting would look for files that this process has deleted, and print a traceback.
    """

    def __init__(self, loader: DataLoader[AVBatch]) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[AVBatch]:
        """Start the workers now, not with the first batch, as this draws from torch's generator."""
        try:
            with _more_workers_than_cores():
                stream = iter(self._loader)
        except Exception as error:
            raise explain_worker_error(error, ()) from error
        except BaseException:
            _end_server()
            _end_workers()
            raise
        return self._batches(stream)

    def _batches(self, stream: Iterator[AVBatch]) -> Iterator[AVBatch]:
        while True:
            try:
                batch = next(stream)
            except StopIteration:
                return
            except Exception as error:
                known = explain_worker_error(error, getattr(stream, "_workers", ()))
                if known is error:
                    raise
                raise known from error
            except BaseException:
                _end_workers()
                raise
            yield batch


def build_loader(
    clips: Dataset[AVBatch],
    batches: Sampler[list[Any]] | Sequence[list[Any]],
    *,
    workers: int | None,
    pin: bool,
    local_world_size: int = 1,
    batch_bytes: int | None = None,
) -> Loader:
    """Build a loader of collated batches.

    Workers are forked from a server process that has imported what they need, never from one with
    torch's threads; they stay for the next pass.

    Args:
        clips: Dataset.
        batches: Items of each batch.
        workers: Number of workers.
        pin: Pin batches in memory.
        local_world_size: Ranks on this machine.
        batch_bytes: Size of a batch, if known.

    Raises:
        SystemRequirementError: Shared memory has no room for the batches, or no folder is usable
            for sockets.
    """
    count = default_workers(local_world_size) if workers is None else workers
    extra: dict[str, Any] = {}
    if count:
        fitting = PREFETCH
        if batch_bytes is not None:
            fitting = prefetch_factor(batch_bytes, count, local_world_size)
        _shorten_socket_paths()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(preloaded_modules())
        _start_server()
        extra = {
            "multiprocessing_context": context,
            "prefetch_factor": fitting,
            "persistent_workers": True,
            "worker_init_fn": _begin_worker,
        }
    with _more_workers_than_cores():
        loader = DataLoader(
            clips,
            batch_sampler=batches,
            num_workers=count,
            collate_fn=collate,
            pin_memory=pin,
            **extra,
        )
    return Loader(loader)


def default_workers(local_world_size: int) -> int:
    """Return the cores per rank besides its own, at most 8."""
    return max(0, min(_MOST_WORKERS, available_cores(local_world_size) - 1))


@contextmanager
def _more_workers_than_cores() -> Iterator[None]:
    """Ignore torch's warning about more workers than cores: the user chose the number."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create .* worker", UserWarning)
        yield


def preloaded_modules() -> list[str]:
    """Return what workers need; of torchvision, which fine-tuning uses, what is loaded here."""
    vision = "torchvision.transforms.v2"
    return ["avme.data.dataloader", *([vision] if vision in sys.modules else [])]


def _start_server() -> None:
    """Start the fork server of the workers with stop signals blocked.

    Blocked, not ignored: signals are delivered to this process afterwards, and a mask survives the
    handler that torch installs in its workers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        with _safe_path():
            resource_tracker.ensure_running()  # starting it unblocks SIGTERM
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _safe_path() -> Iterator[None]:
    """Keep the current folder off the module path of Python programs started meanwhile.

    multiprocessing starts its servers with `python -c`, which looks there first: a clone named
    `avme` in it, or a file such as `random.py`, would be imported instead of the module.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _end_server() -> None:
    """Kill the fork server, which an interrupted start may leave with a pending request."""
    pid = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _shorten_socket_paths() -> None:
    """Give multiprocessing and its children a short folder for sockets if TMPDIR is long.

    The system refuses socket paths beyond 107 bytes (python/cpython#93852).
    """
    if len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER:
        return
    found = next((each for each in _SHORT_FOLDERS if os.access(each, os.W_OK | os.X_OK)), None)
    if found is None:
        raise SystemRequirementError(
            f"TMPDIR is too long for sockets ({tempfile.gettempdir()}): set it to a path of at "
            f"most {_LONGEST_FOLDER} characters, or use --workers 0"
        )
    before, tempfile.tempdir = tempfile.tempdir, found
    try:
        util.get_temp_dir()  # cached by multiprocessing, and passed to its children
    finally:
        tempfile.tempdir = before


def _begin_worker(_: int) -> None:
    report_lost_batches()
    _end_with_parent()


def _end_with_parent() -> None:
    """End a worker when the process that started it is gone, even by SIGKILL.

    torch checks the parent's process id only, which is the server's, and the server lives as long
    as a worker does.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, name="avme-parent", daemon=True).start()


@atexit.register  # must run before multiprocessing's own handler, which sends SIGTERM
def _end_workers() -> None:
    """Kill workers that torch did not end; they block SIGTERM."""
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()
