"""Commands of `avme` by stage. The module of a command is imported when the command is called."""

from importlib import import_module
from typing import Any, Final

from typer.core import TyperCommand
from typer.main import get_command

_PANELS: Final = {
    "Prepare": {
        "prep": "Prepare videos as a dataset of shards. Rerun to continue.",
        "verify": "Check a dataset: hashes, clips, tables, and a sample of its frames.",
        "audit": (
            "Show the content of a dataset, and how well audio presence alone predicts the class."
        ),
    },
    "Train": {
        "pretrain": "Pretrain the masked autoencoder on a dataset.",
        "finetune": "Fine-tune a pretrained encoder to classify the clips of a dataset.",
    },
    "Evaluate": {
        "eval": (
            "Score a fine-tuned classifier on every clip of a list, with several views per clip."
        ),
        "compare": "Compare two evaluations of the same clips: B against A, paired by clip.",
        "embed": "Write features of every clip of a list to an HDF5 file.",
        "knn": "Classify test clips by the most similar training clips, without training.",
        "probe": "Fit a linear classifier on features of the train list, and score the test list.",
        "retrieval": "Find the audio of each test clip by its video, and the reverse.",
    },
    "Inspect": {
        "report": "Write one HTML file of runs and evaluations, which opens without a network.",
        "predict": "Classify video files of any length.",
        "reconstruct": "Complete masked clips by one checkpoint or several, beside free baselines.",
    },
    "Tools": {
        "weights": "Inspect and convert weights of avme, VideoMAE and Hugging Face.",
        "export": (
            "Export a model with its metadata and a model card, and compare it with the model."
        ),
        "config": "List, show, write and check settings.",
        "bench": "Measure the speed of loading, preparation and training against baselines.",
        "doctor": (
            "Check this machine: what is present, what is missing and how to install it (exit "
            "code 6)."
        ),
        "demo": (
            "Create a small audio-visual dataset and run every stage on it: minutes on a CPU."
        ),
    },
}
_MODULES: Final = {
    "eval": "evaluation.evaluate",
    "compare": "evaluation.compare",
    "predict": "inference.predict",
    "reconstruct": "inference.reconstruct",
    "report": "inference.report",
    "export": "inference.export",
    **{name: f"features.{name}" for name in ("embed", "knn", "probe", "retrieval")},
}
"""Modules that are not named as their command."""


class LazyCommand(TyperCommand):
    """A command as `avme --help` lists it."""

    def load(self) -> Any:
        """Import the command itself."""
        name = _MODULES.get(str(self.name), self.name)
        return get_command(import_module(f".{name}", __package__).app)


def lazy_commands() -> dict[str, LazyCommand]:
    """Return all commands by name, in the order of the pipeline."""
    return {
        name: LazyCommand(name=name, help=line, rich_help_panel=panel)
        for panel, lines in _PANELS.items()
        for name, line in lines.items()
    }


def loaded(command: Any) -> Any:
    """Return the command itself in place of its line in a list."""
    return command.load() if isinstance(command, LazyCommand) else command
