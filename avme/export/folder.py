"""Folder of an exported model: written whole, compared with the model, or not there.

It has the model file, `export.json` (metadata) and `README.md` (model card).
"""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import torch

from avme.errors import AvmeError, SystemRequirementError, UsageError
from avme.export.card import CARD, model_card
from avme.export.evaluations import newest_evaluation
from avme.export.graph import ExportGraph, build_graph
from avme.export.metadata import describe_export
from avme.export.onnx_file import open_onnx, write_onnx
from avme.export.parity import MOST_DIFFERENCE, Runner, eager_output, require_parity
from avme.export.program import open_program, write_program
from avme.export.requirements import require_packages
from avme.export.sample_inputs import sample_inputs
from avme.features.network import TrainedNetwork, load_network
from avme.io.atomic import write_json, write_text
from avme.io.filenames import EXPORT
from avme.progress import NullReporter, Reporter
from avme.system.import_check import short_reason
from avme.system.resource_errors import shortage
from avme.train.run.lookup import run_folder
from avme.weights.export import write_weights
from avme.weights.load_classifier import results_of

Format = Literal["safetensors", "torch-export", "onnx"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_FILES: Final[dict[Format, str]] = {
    "safetensors": "weights.safetensors",
    "torch-export": "model.pt2",
    "onnx": "model.onnx",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """Result of an export."""

    folder: Path
    max_difference: float
    """Largest absolute difference of an output from the model's."""
    has_evaluation: bool
    """True if the model card has figures."""


def export_model(
    checkpoint: Path, kind: Format, out: Path | None = None, report: Reporter | None = None
) -> Exported:
    """Export a model to a new folder.

    Args:
        checkpoint: Run, checkpoint, or weights of any form.
        kind: Format.
        out: Folder to write; None for `export/<format>` in the run.
        report: Receives messages.

    Raises:
        UsageError: The folder exists.
        ArtifactError: The weights cannot be read completely.
        MismatchError: They are an encoder alone, or the exported file gives other outputs.
        SystemRequirementError: A package is missing.
    """
    report = report or NullReporter()
    if out is not None:
        require_new(out)
    require_packages(kind)
    trained = load_network(checkpoint)
    folder = out or results_of(trained.weights, "export") / kind
    require_new(folder)
    for warning in trained.weights.warnings:
        report.log(warning)
    trained.model.eval()
    graph = build_graph(trained.model)
    content = describe_export(trained, graph, kind)
    evaluation = newest_evaluation(trained.weights)
    with _whole_folder(folder) as part:
        file = part / _FILES[kind]
        report.log(f"writing {folder / file.name}")
        with _exporter_errors(kind):
            run = _write(trained, graph, kind, file, json.dumps(content))
        report.log("comparing it with the model")
        worst = require_parity(run, trained.model, trained.settings, graph.inputs)
        content["parity"] = {"max_abs_difference": worst, "limit": MOST_DIFFERENCE}
        write_json(part / EXPORT, content)
        card = model_card(content, evaluation, file.name, _training_command(trained))
        write_text(part / CARD, card)
    return Exported(folder, worst, evaluation is not None)


def require_new(folder: Path) -> None:
    """Raise UsageError if the folder exists; a dangling symlink counts as existing."""
    if os.path.lexists(folder):
        raise UsageError(
            f"{folder} exists already: choose another with --out, nothing is overwritten"
        )


def _write(
    trained: TrainedNetwork, graph: ExportGraph, kind: Format, file: Path, metadata: str
) -> Runner:
    """Write the model file and load it again."""
    if kind == "safetensors":
        write_weights(trained.weights, file, "avme")
        again = load_network(file)
        again.model.eval()
        return lambda inputs: eager_output(again.model, again.settings, graph.inputs, inputs)
    inputs = sample_inputs(graph.inputs, trained.settings, 3, "mixed")
    if kind == "onnx":
        write_onnx(graph, inputs, file, metadata)
        return open_onnx(file)
    write_program(graph, inputs, file, metadata)
    return open_program(file)


@contextmanager
def _exporter_errors(kind: Format) -> Iterator[None]:
    """Replace errors of torch's exporters, which differ between versions, by one line."""
    try:
        yield
    except (AvmeError, MemoryError, OSError):
        raise
    except Exception as error:
        if shortage(error):
            raise
        raise SystemRequirementError(
            f"torch {torch.__version__} cannot export this model as {kind} "
            f"({short_reason(error)}): update torch and 'avme[export]', or choose "
            "--format safetensors"
        ) from error


def _training_command(trained: TrainedNetwork) -> str | None:
    """Return the first command of the run; None for weights outside of a run."""
    file = run_folder(trained.weights.file) / "command.txt"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return lines[0] if lines else None


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder` that becomes it if the block ends without an error.

    On an error nothing is left of it.
    """
    created = [each for each in folder.parents if not each.exists()]
    part = folder.with_name(f".{folder.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        shutil.rmtree(part, ignore_errors=True)  # left by a killed process
        part.mkdir(parents=True)
        yield part
        for file in part.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        os.rename(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        for parent in created:
            _remove_empty(parent)
        raise


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
