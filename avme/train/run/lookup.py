"""Lookup of runs: that of a checkpoint, and the pretraining for a fine-tuning.

`derived.json` of a run names its training dataset and the fingerprint.
"""

from dataclasses import dataclass
from pathlib import Path

from avme.errors import ArtifactError
from avme.io.atomic import read_json
from avme.io.filenames import RUN_STATUS
from avme.io.run_status import read_status
from avme.shards.dataset_lookup import DatasetId, dataset_id

DERIVED = "derived.json"


@dataclass(frozen=True, slots=True)
class FoundRun:
    """Finished run with its training dataset."""

    folder: Path
    dataset: DatasetId | None
    """None if the run does not record it."""
    updated: float
    """End of the run, in seconds since the epoch."""

    @property
    def described(self) -> str:
        """Return the folder with its dataset, for messages."""
        return f"{self.folder} of {'an unknown set' if self.dataset is None else self.dataset}"


def run_folder(checkpoint: Path) -> Path:
    """Return the folder of the run that a weight file belongs to."""
    folder = checkpoint.parent
    return folder.parent if folder.name == "checkpoints" else folder


def dataset_of(run: Path) -> DatasetId | None:
    """Return the training dataset of a run, None if its folder does not record it."""
    try:
        facts = read_json(run / DERIVED)
        return DatasetId(str(facts["dataset"]), str(facts["fingerprint"]))
    except (ArtifactError, OSError, KeyError):
        return None


def newest_pretraining(runs: Path, data: Path) -> FoundRun:
    """Return the last finished pretraining in `runs` on the dataset `data`.

    A run with the dataset's fingerprint is preferred to one with its name only, as of a dataset
    that was prepared again. Raises ArtifactError if there is neither.
    """
    finished = sorted(_finished(runs), key=lambda run: (run.updated, run.folder), reverse=True)
    if not finished:
        raise ArtifactError(
            f"no finished pretrain run in {runs}/: run `avme pretrain` first, or name one"
        )
    dataset = dataset_id(data)
    known = [(run, run.dataset) for run in finished if run.dataset is not None]
    same_content = [run for run, found in known if found.fingerprint == dataset.fingerprint]
    same_name = [run for run, found in known if found.name == dataset.name]
    for run in (*same_content, *same_name):
        return run
    raise ArtifactError(
        f"no finished pretrain run of {dataset.name} in {runs}/, the newest is "
        f"{finished[0].described}: start from it with --from {finished[0].folder}, or run "
        f"`avme pretrain --data {data}` first"
    )


def _finished(runs: Path) -> list[FoundRun]:
    found = []
    for status in runs.glob(f"*/{RUN_STATUS}"):
        facts = read_status(status.parent)
        if facts["stage"] == "pretrain" and facts["state"] == "finished":
            found.append(
                FoundRun(status.parent, dataset_of(status.parent), float(facts["updated"]))
            )
    return found
