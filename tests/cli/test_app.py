"""The command line turns whatever goes wrong into one line and an exit code."""

import errno
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme import __version__
from avme.errors import AvmeError
from avme_cli.app import _message_of, app, main

COMMANDS = [
    ["prep"],
    ["prep", "ucf101"],
    ["prep", "folder"],
    ["prep", "csv"],
    ["prep", "hmdb51"],
    ["prep", "kinetics"],
    ["prep", "vggsound"],
    ["pretrain"],
    ["finetune"],
    ["eval"],
    ["verify"],
    ["audit"],
    ["bench"],
    ["bench", "loader"],
    ["bench", "prep"],
    ["demo"],
    ["weights"],
    ["weights", "inspect"],
    ["weights", "convert"],
    ["config"],
    ["config", "list"],
    ["config", "show"],
    ["config", "init"],
    ["config", "validate"],
]


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, args, prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


def test_version_prints_that_of_the_package() -> None:
    assert run("--version") == (0, f"avme {__version__}\n", "")


def test_help_groups_commands_by_stage() -> None:
    code, text, _ = run("--help")

    assert code == 0
    panels = {
        "Prepare": ("prep", "verify", "audit"),
        "Train": ("pretrain", "finetune"),
        "Evaluate": ("eval",),
        "Tools": ("weights", "config", "bench", "doctor", "demo"),
    }
    lines = [
        part for panel in panels for part in (f"─ {panel} ─", *map("│ {} ".format, panels[panel]))
    ]
    positions = [text.index(line) for line in lines]
    assert positions == sorted(positions)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_every_command_shows_an_example_of_it(command: list[str]) -> None:
    code, text, _ = run(*command, "--help")

    assert code == 0
    assert re.search(rf"Examples?:\s+avme {' '.join(command)}\b", text)


def test_app_import_loads_no_heavy_module() -> None:
    heavy = {"torch", "numpy", "pydantic", "yaml", "h5py", "rich.progress"}
    code = f"import sys, avme_cli.app; print(*{heavy} & set(sys.modules))"

    assert subprocess.check_output([sys.executable, "-c", code]) == b"\n"


def test_app_as_module_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "avme_cli", "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"avme {__version__}\n"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["evl"], "error: No such command 'evl'. Did you mean 'eval'? (see `avme --help`)\n"),
        (["--loud"], "error: No such option: --loud (see `avme --help`)\n"),
        (
            ["weights", "inspect"],
            "error: Missing argument 'file' (see `avme weights inspect --help`)\n",
        ),
        (["config", "validate"], "error: Missing argument 'stage'. Choose from: prep, pretrain,"),
        (["pretrain", "--gpus", "0"], "error: Invalid value for '--gpus'"),
    ],
)
def test_app_with_misspelled_word_exits_2_with_message_of(args: list[str], line: str) -> None:
    code, out, err = run(*args)

    assert (code, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_app_with_avme_error_exits_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code, out, err = run("pretrain")

    assert (code, out) == (5, "")
    assert err == "error: no prepared set in data/: run `avme prep` first, or give --data\n"


@pytest.mark.parametrize("index", [0, 1])
def test_verbose_before_or_after_command_adds_the_traceback(
    index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["pretrain"]
    args.insert(index, "--verbose")

    code, _, err = run(*args)

    assert code == 5
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: no prepared set")


def test_app_interrupted_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("avme_cli.paths.checkpoint", interrupted)

    assert run("eval", "best.pt") == (130, "", "interrupted\n")


@pytest.mark.parametrize(
    ("number", "filename", "line"),
    [
        (
            errno.ENOSPC,
            "eval/x.npz",
            "eval/x.npz cannot be written (No space left on device): make room and repeat",
        ),
        (
            errno.ENOSPC,
            None,
            "a file cannot be written (No space left on device): make room and repeat",
        ),
        (
            errno.EROFS,
            "eval",
            "eval cannot be written or read (Read-only file system): correct it and repeat",
        ),
    ],
)
def test_app_with_os_error_exits_6_and_names_the_file(
    number: int, filename: str | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise OSError(number, "reason", filename)

    monkeypatch.setattr("avme_cli.paths.checkpoint", refuse)

    assert run("eval", "best.pt") == (6, "", f"error: {line}\n")


def test_main_with_unexpected_error_offers_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("avme_cli.paths.checkpoint", broken)
    monkeypatch.setattr(sys, "argv", ["avme", "eval", "best.pt"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "unexpected error: OSError: No space left on device; "
        "run again with --verbose for the traceback\n"
    )


def test_app_on_other_rank_prints_no_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")

    assert run("config", "list") == (0, "", "")


def test_message_of_of_loader_error_drops_its_traceback() -> None:
    wrapped = AvmeError(
        "Caught ArtifactError in DataLoader worker process 0.\nOriginal Traceback (most recent "
        'call last):\n  File "x.py", line 1\navme.errors.ArtifactError: clip a.avi: damaged'
    )

    assert _message_of(wrapped) == "clip a.avi: damaged"
