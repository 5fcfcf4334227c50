"""Command to run after a stage, printed so that it can be copied.

Paths are relative as given, and quoted for a POSIX shell.
"""

from pathlib import Path
from typing import Any

from avme.io.shell_quote import join_command
from avme.progress import Reporter

from . import paths


def log_next(report: Reporter, *words: str | Path | None) -> None:
    """Print the command `avme ARGUMENTS`; arguments that are None are left out."""
    command = ["avme", *(_word(word) for word in words if word is not None)]
    report.log(f"next: {join_command(command)}")


def after_prep(report: Reporter, folder: Path) -> None:
    """Print the pretraining command; without a GPU with the preset for CPUs."""
    from avme.system.gpu import may_have_cuda

    tiny = () if may_have_cuda() else ("--preset", "tiny")
    log_next(report, "pretrain", "--data", set_name(folder), *tiny, *_out("pretrain", folder.name))


def after_pretrain(report: Reporter, run: Path, data: Path, settings: Any) -> None:
    """Print the fine-tuning command for the run's dataset and split.

    Args:
        report: Receives the line.
        run: Run folder.
        data: Prepared dataset.
        settings: Settings of the pretraining.
    """
    modality = "v" if settings.model.fusion.kind == "none" else "av"
    given = ["--modality", modality] if modality != "av" else []
    protocol = settings.train.protocol
    if suffix := paths.protocol_suffix(protocol):
        given += ["--protocol", protocol]
    out = _out("finetune", data.name, f"{modality}{suffix}")
    log_next(report, "finetune", "--from", run, "--data", set_name(data), *given, *out)


def after_finetune(report: Reporter, run: Path, data: Path) -> None:
    """Print the command that evaluates on the test list of the split.

    Args:
        report: Receives the line.
        run: Run folder.
        data: Prepared dataset.
    """
    log_next(report, "eval", run, "--data", set_name(data))


def set_name(folder: Path) -> str | Path:
    """Return the `--data` value of a dataset: its name below data/, else its folder."""
    if folder.parent == paths.DATA and not Path(folder.name).exists():
        return folder.name
    return folder


def _out(stage: str, *names: str) -> tuple[str | Path, ...]:
    """Return `--out` with a free folder if the default one is in use."""
    usual = paths.RUNS / "-".join((stage, *names))
    if not _in_use(usual):
        return ()
    number = 2
    while _in_use(folder := usual.with_name(f"{usual.name}-{number}")):
        number += 1
    return "--out", folder


def _in_use(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _word(word: str | Path) -> str:
    """Return a path that is not parsed as an option if it begins with a hyphen."""
    text = str(word)
    return f"./{text}" if text.startswith("-") and isinstance(word, Path) else text
