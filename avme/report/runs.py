"""Training runs and evaluations of a report, read from their folders.

A file that is missing or damaged leaves its part out, with a line that says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from avme.errors import ArtifactError, AvmeError
from avme.evaluation.predictions import SUMMARY, Predictions, read_predictions
from avme.io.atomic import read_json
from avme.io.filenames import RUN_STATUS
from avme.io.run_status import read_status, state_of
from avme.io.symlinks import require_no_links
from avme.report.stored_results import Controls, Summary, require_content
from avme.train.metrics.loggers import read_metrics

CONTROLS: Final = "controls.json"
_IMAGES: Final = (".png", ".gif", ".mp4")
_PLACES: Final = ("*", "reconstructions/*")
"""Places of images in a run folder."""
_MOST_TEXT: Final = 200_000
"""Characters of a text file that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Training run."""

    folder: Path
    name: str
    stage: str
    state: str
    metrics: list[dict[str, Any]]
    derived: dict[str, Any]
    texts: dict[str, str]
    """Content of config.yaml, command.txt and env.json, by file name."""
    images: tuple[Path, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Finished evaluation."""

    predictions: Predictions
    run: str
    """Name of its run; empty for a folder without one."""
    name: str
    controls: dict[str, Any] = field(default_factory=dict)
    """Content of controls.json; empty without it."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """Content of summary.json."""
        return self.predictions.summary


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that a report shows."""

    runs: tuple[Run, ...]
    evaluations: tuple[Evaluation, ...]
    notes: tuple[str, ...]
    """Parts that could not be read."""


def read_contents(folders: list[Path]) -> Contents:
    """Read runs with the evaluations inside them, and results folders of evaluations.

    Args:
        folders: Run folders, and results folders of `avme eval`.

    Raises:
        ArtifactError: A folder is neither, or contains symlinks.
    """
    runs: list[Run] = []
    evaluations: list[Evaluation] = []
    notes: list[str] = []
    for folder in dict.fromkeys(folders):
        if any((folder / name).is_file() for name in (RUN_STATUS, SUMMARY)):
            require_no_links(folder)
        if (folder / RUN_STATUS).is_file():
            runs.append(_read_run(folder, notes))
            inside = sorted(path.parent for path in (folder / "eval").glob(f"*/{SUMMARY}"))
            evaluations += _read_all(inside, runs[-1].name, notes)
        elif (folder / SUMMARY).is_file():
            evaluations += _read_all([folder], _run_of(folder), notes)
        else:
            raise ArtifactError(
                f"{folder} holds neither {RUN_STATUS} nor {SUMMARY}: expected a run folder of "
                "`avme pretrain` or `avme finetune`, or a results folder of `avme eval`"
            )
    return Contents(tuple(runs), tuple(evaluations), tuple(notes))


def _read_run(folder: Path, notes: list[str]) -> Run:
    warnings = []
    status = read_status(folder)
    state = state_of(folder) or status["state"]
    if status["state"] != "finished":
        warnings.append(f"{folder.name} is not finished: {state}")
    texts = dict(_texts(folder))
    log = texts.pop("train.log", "")
    for line in log.splitlines():
        _, found, said = line.partition(" WARNING ")
        if not found:
            _, found, said = line.partition("warning: ")
        if found and said not in warnings:
            warnings.append(said)
    derived: dict[str, Any] = {}
    try:
        derived = read_json(folder / "derived.json")
    except (AvmeError, OSError) as error:
        notes.append(f"{error}")
    paths = (path for pattern in _PLACES for path in sorted(folder.glob(pattern)))
    images = [path for path in paths if path.suffix in _IMAGES and path.is_file()]
    return Run(
        folder=folder,
        name=folder.resolve().name,
        stage=status["stage"],
        state=state,
        metrics=read_metrics(folder / "metrics.jsonl"),
        derived=derived,
        texts=texts,
        images=tuple(images),
        warnings=tuple(warnings),
    )


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for name in ("config.yaml", "command.txt", "env.json", "train.log"):
        path = folder / name
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace") as file:
                yield name, file.read(_MOST_TEXT)


def _read_all(folders: list[Path], run: str, notes: list[str]) -> Iterator[Evaluation]:
    for folder in folders:
        try:
            yield _read_evaluation(folder, run)
        except (AvmeError, OSError) as error:
            notes.append(f"{error}")


def _read_evaluation(folder: Path, run: str) -> Evaluation:
    path, controls = folder / CONTROLS, {}
    predictions = read_predictions(folder)
    require_content(Summary, predictions.summary, folder / SUMMARY)
    if path.is_file():
        controls = read_json(path)
        require_content(Controls, controls, path)
    return Evaluation(predictions=predictions, run=run, name=folder.name, controls=controls)


def _run_of(folder: Path) -> str:
    return folder.resolve().parent.parent.name if folder.resolve().parent.name == "eval" else ""
