"""Typer application and error boundary: errors become one line and an exit code."""

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, NoReturn, cast

import typer
from typer.core import TyperGroup

from avme import __version__
from avme.errors import AvmeError, PeerFailedError, SystemRequirementError
from avme.message_text import one_line
from avme.system.resource_errors import shortage

from . import aliases
from .commands import lazy_commands, loaded
from .launch.rank import RankFailed, rank, write_failure
from .terminal.output import print_error, print_line
from .terminal.streams import escaping

_EVERYWHERE: Final = ("--verbose", "--quiet")
"""Options of `avme` itself that may also follow the command."""
_NO_COMMAND: Final = re.compile("No such command '(.+?)'")
_NO_CHOICE: Final = re.compile("'([^']*)' is not one of (.+)$")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# Typer 0.20 to 0.29 export no name for it: UsageError of click, or of Typer's own copy of click.
_UsageProblem = cast("type[Exception]", typer.BadParameter.__base__)


class _Avme(TyperGroup):
    """Command group in pipeline order, inside the error boundary."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update(lazy_commands())

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, loaded(command), rest

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ours = [arg for arg in args[:end] if arg in _EVERYWHERE]
        rest = [arg for arg in args[:end] if arg not in _EVERYWHERE]
        with _errors_as_lines(verbose="--verbose" in ours):
            return super().parse_args(ctx, [*ours, *rest, *args[end:]])

    def invoke(self, ctx: Any) -> Any:
        with _errors_as_lines(verbose=bool(ctx.params.get("verbose"))):
            done = super().invoke(ctx)
            sys.stdout.flush()  # while an error can still be printed
            return done

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with escaping():
            return super().main(*args, **kwargs)


app = typer.Typer(
    cls=_Avme,
    name="avme",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["--help", "-h"],
        "token_normalize_func": aliases.normalized,
    },
    epilog="Example:\n    avme demo",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"avme {__version__}")
        raise typer.Exit


@app.callback()
def avme(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version; `avme doctor` prints those of all packages.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Log more, and print tracebacks of errors.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print results only, no progress.")
    ] = False,
) -> None:
    """Audio-visual masked autoencoders: from a folder of videos to top-1 and top-5."""
    from .launch.startup import start

    start(ctx, verbose=verbose, quiet=quiet)


def main() -> None:
    """Run the `avme` script; unexpected errors become one line too."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch; docs/decisions.md 13
    with escaping():
        try:
            app(prog_name="avme")
        except Exception as error:
            what = f"{type(error).__name__}: {_message_of(error)}"
            verbose = "--verbose" in sys.argv[1:]
            hint = "" if verbose else "; run again with --verbose for the traceback"
            _print_error(f"unexpected error: {what}{hint}", 1, verbose)
            sys.exit(1)


@contextmanager
def _errors_as_lines(verbose: bool) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        _end("interrupted", 130, verbose, error)
    except RankFailed as error:
        _end(str(error), error.exit_code, verbose, error)
    except AvmeError as error:
        _end(f"error: {_message_of(error)}", error.exit_code, verbose, error)
    except (MemoryError, OSError, RuntimeError) as error:
        if (line := shortage(error) or _system_line(error)) is None:
            raise
        _end(f"error: {line}", SystemRequirementError.exit_code, verbose, error)
    except _UsageProblem as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        _end(f"error: {_usage_line(error)}", 2, False, error)


def _end(line: str, exit_code: int, verbose: bool, error: BaseException) -> NoReturn:
    _print_error(line, exit_code, verbose, is_echo=isinstance(error, PeerFailedError))
    raise typer.Exit(exit_code) from error


def _print_error(line: str, exit_code: int, verbose: bool, *, is_echo: bool = False) -> None:
    if verbose:
        traceback.print_exc()
    if not write_failure(line, exit_code, is_echo=is_echo):
        mark = f"[rank {rank()}] " if rank() > 0 else ""
        print_error(f"{mark}{line}")


def _system_line(error: Exception) -> str | None:
    """Return the failed file and the reason; None if the system names neither."""
    if not isinstance(error, OSError) or error.errno is None:
        return None
    if error.filename is None and error.errno not in _FULL:
        return None
    why = os.strerror(error.errno)
    named = "a file" if error.filename is None else os.fsdecode(error.filename)
    if error.errno in _FULL:
        return f"{named} cannot be written ({why}): make room and repeat"
    return f"{named} cannot be written or read ({why}): correct it and repeat"


def _message_of(error: BaseException) -> str:
    """Return the error on one line; torch wraps a worker's error in its traceback."""
    lines = str(error).strip().splitlines()
    if lines and lines[0].startswith("Caught ") and "DataLoader worker" in lines[0]:
        return lines[-1].partition(": ")[2]
    return one_line(error)


def _usage_line(error: Any) -> str:
    path = error.ctx.command_path if error.ctx is not None else "avme"
    said = " ".join(error.format_message().split()).rstrip(".")
    said = said.replace(": Value error, ", ": ", 1)
    if (wrong := _NO_CHOICE.search(said)) and (hint := aliases.choice_hint(*wrong.groups())):
        said = f"{said}: {hint}"
    if unknown := getattr(error, "option_name", "") if error.ctx is not None else "":
        if said.startswith("No such option"):
            hint = aliases.option_hint(unknown, error.ctx)
            said = f"No such option: {unknown}" + (f": {hint}" if hint else "")
    elif said.startswith("Got unexpected extra arg") and aliases.can_resume(error.ctx):
        said = f"{said}: --resume takes no value, --out names the run"
    elif said.startswith("Option '--resume' does not take a value"):
        said = f"{said}: --out names the run"
    elif (missing := _NO_COMMAND.match(said)) and (hint := aliases.command_hint(missing[1], path)):
        said = f"No such command '{missing[1]}': {hint}"
    return f"{said} (see `{path} --help`)"
