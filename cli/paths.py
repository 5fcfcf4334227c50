"""Default folders and lookup of datasets, runs and checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avme.errors import ArtifactError, UsageError
from avme.io.filenames import DATASET_MANIFEST
from avme.io.run_status import require_finished_run
from avme.io.symlinks import require_no_links
from avme.shards.dataset_lookup import dataset_id, find_dataset, only_dataset
from avme.train.run.lookup import dataset_of, newest_pretraining, run_folder

from . import preflight

DATA: Final = Path("data")
RUNS: Final = Path("runs")


def dataset(data: str | None, option: str = "--data") -> Path:
    """Return the dataset of `--data`: a folder, a name under data/, or the only one there.

    `option` is the option's name, for messages.
    """
    if data is None:
        return only_dataset(DATA, option)
    for folder in (Path(data), DATA / data):
        if (folder / DATASET_MANIFEST).is_file():
            return folder
    if Path(data).is_dir():
        raise ArtifactError(
            f"{data} is not a prepared set (it has no {DATASET_MANIFEST}): "
            "run `avme prep`, or again if it was interrupted"
        )
    known = sorted(manifest.parent.name for manifest in DATA.glob(f"*/{DATASET_MANIFEST}"))
    there = f"; {DATA}/ holds {', '.join(known)}" if known else ""
    raise UsageError(f"{option} {data}: no such folder, nor {DATA / data}{there}")


def dataset_to_train_on(data: str | None, run: Path | None, *, resume: bool) -> Path:
    """Return the dataset of `--data`; without it that of the resumed run, or the only one.

    Args:
        data: Value of `--data`, if given.
        run: Run folder.
        resume: Continue the run in it.

    Raises:
        UsageError: data/ holds several datasets, none of which is that of the run.
    """
    if resume and run is not None:
        require_no_links(run)
    if data is None and resume and run is not None and any(DATA.glob(f"*/{DATASET_MANIFEST}")):
        wanted = dataset_of(run)
        if wanted is not None:
            return find_dataset(DATA, wanted).folder
    return dataset(data)


def own_dataset(trained: Path) -> Path | None:
    """Return the dataset in data/ that a run was trained on; None if it is not recorded."""
    if not any(DATA.glob(f"*/{DATASET_MANIFEST}")):
        return only_dataset(DATA)  # raises
    wanted = dataset_of(run_folder(trained / "any" if trained.is_dir() else trained))
    return None if wanted is None else find_dataset(DATA, wanted).folder


def folder_of_videos(source: Path) -> Path:
    """Return the folder; raises UsageError if it is not one."""
    if not source.is_dir():
        found = "is a file" if source.exists() else "does not exist"
        raise UsageError(f"{source} {found}, expected a folder of videos")
    return source


def table(file: Path) -> Path:
    """Return the CSV file; a pipe is refused, as the next run could not read it again."""
    if not file.is_file():
        found = "is a folder" if file.is_dir() else "does not exist"
        if file.exists() and not file.is_dir():
            found = "is not a regular file (a pipe?), and the next run has to read it again"
        raise UsageError(f"{file} {found}, expected a CSV file that lists videos")
    return file


def set_folder(out: Path | None, name: str | None, default: str) -> Path:
    """Return the folder of a dataset to prepare; its name is the dataset's name.

    Args:
        out: Value of `--out`, if given.
        name: Value of `--name`, if given.
        default: Default name.
    """
    if out is None:
        return DATA / (name or default)
    if name and out.resolve().name != name:
        raise UsageError(f"--out {out} and --name {name} disagree: a set is called as its folder")
    return out if out.name else out.resolve()


@dataclass(frozen=True, slots=True)
class Start:
    """Pretraining run or checkpoint that a fine-tuning starts from."""

    path: Path
    why: str = ""
    """Reason for the choice, if it was not given."""

    def __str__(self) -> str:
        return f"{self.path}, {self.why}" if self.why else str(self.path)


def pretrained(start: str | None, dataset: Path) -> Start | None:
    """Return the run or checkpoint of `--from`, or the dataset's newest; None for scratch."""
    if start == "scratch":
        return None
    if start is not None:
        named = require_finished_run(checkpoint(Path(start)))
        preflight.require_checkpoints(named)
        return Start(named)
    wanted, found = dataset_id(dataset), newest_pretraining(RUNS, dataset)
    why = f"the newest finished pretrain run of {wanted.name}"
    if found.dataset is None or found.dataset.fingerprint != wanted.fingerprint:
        why += f", which was prepared again since (it was {found.dataset}, now {wanted})"
    return Start(found.folder, why)


def checkpoint(path: Path) -> Path:
    """Return the run folder or checkpoint file; raises UsageError if it does not exist."""
    if not path.exists():
        run = path.parent.parent / path.name
        meant = f": is it {run}?" if path.parent.name == "checkpoints" and run.is_file() else ""
        raise UsageError(f"{path} does not exist, expected a checkpoint or a run folder{meant}")
    return path


def classifiers(trained: Sequence[Path], published: Path | None) -> list[Path]:
    """Return what `avme eval` scores: runs or their files, or published weights."""
    chosen = list(trained) if published is None else [published]
    if not chosen or (trained and published):
        raise UsageError("give a finetune run, or published weights with --init: one of the two")
    for path in chosen:
        preflight.require_weights(checkpoint(path))
    return chosen


def settings_from_weights(weights: Path | None) -> tuple[str | None, dict[str, Any]]:
    """Return preset and settings fixed by weights of any form: model, window and positions."""
    if weights is None:
        return None, {}
    from avme.weights.load import read_weights

    read = read_weights(weights)
    return read.preset, read.settings()


def earlier_settings(folder: Path, resume: bool) -> dict[str, Any] | None:
    """Return the settings of the run that `--resume` continues; None for a new run."""
    if not resume:
        return None
    from avme.config.resolve import read_settings

    require_no_links(folder)
    file = folder / "config.yaml"
    if not file.is_file():
        raise ArtifactError(f"{folder} holds no run to resume: run without --resume to start one")
    return read_settings(file)


def preset_of(run: Path | None, *, resume: bool = False) -> str:
    """Return the preset of a run or checkpoint; base without one.

    A run to resume is read from the checkpoint that it resumes from.
    """
    if run is None:
        return "base"
    if resume:
        from avme.checkpoint.file import newest_checkpoint
        from avme.progress import NullReporter

        return str(newest_checkpoint(run, NullReporter().log).facts["preset"])
    from avme.weights.provenance import starting_point

    return str(starting_point(run)["preset"])


def protocol_suffix(protocol: str | None) -> str:
    """Return what the name of a run folder ends with for a protocol; empty for `all`."""
    return "" if protocol in (None, "all") else f"-{protocol}"


def find_modality(dataset: str, suffix: str = "") -> str:
    """Return the modality of the dataset's fine-tuned run: `av` if it exists, or no run.

    `suffix` is what the name of its folder ends with.
    """
    kinds = ("av", "v", "a")
    there = [kind for kind in kinds if (RUNS / f"finetune-{dataset}-{kind}{suffix}").is_dir()]
    return there[0] if there else "av"


def modality_of(preset: str | None) -> str:
    """Return the modality of a preset; both without one."""
    from avme.config.presets import RECIPES

    recipe = RECIPES.get(preset or "")
    given = recipe.finetune.get("modality") if recipe else None
    return str(given.value) if given else "av"


def settings_from_checkpoint(init: Path | None) -> dict[str, Any]:
    """Return the settings that a checkpoint fixes for the next stage."""
    if init is None:
        return {}
    from avme.weights.provenance import starting_point

    return {key: value for key, value in starting_point(init).items() if key != "preset"}
