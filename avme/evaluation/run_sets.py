"""Several classifiers as one result: seeds of one split, or one classifier for each split.

Intervals describe the choice of test clips; the deviation over seeds or splits is a second source
of variation.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from avme.errors import UsageError
from avme.evaluation.spread import mean_and_deviation
from avme.io.hashing import list_sha256

Kind = Literal["seeds", "splits"]
_SAME = ("dataset", "fingerprint", "trained_modality", "protocol")
"""Keys of summaries in which all runs of a set agree."""
_SETTINGS = ("modality", "audio", "frames", "degrade", "controls", "list", "subset", "views")
"""Keys that follow from the settings of the evaluation."""


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """Run of a set and the summary of its evaluation, which may not be finished."""

    path: Path
    folder: Path
    """Results folder."""
    summary: Mapping[str, Any]


def require_set(runs: Sequence[ScoredRun], splits: Sequence[str]) -> Kind:
    """Return `seeds` if all runs are of one split, and `splits` if each is of another.

    Args:
        runs: Runs, with the parts of their summaries that are known before scoring.
        splits: Splits that were asked for; none for those of the runs.

    Raises:
        UsageError: A run occurs twice; a split has no run or several, or a run another split; runs
            of different datasets, modalities or protocols.
    """
    for key in _SAME:
        first = runs[0]
        for run in runs[1:]:
            if run.summary[key] != first.summary[key]:
                raise UsageError(
                    f"{run.path} and {first.path} differ in {key} (got {run.summary[key]} and "
                    f"{first.summary[key]}): score them in separate commands"
                )
    by_content: dict[str, Path] = {}
    for run in runs:
        same = by_content.setdefault(run.summary["checkpoint"]["sha256"], run.path)
        if same is not run.path:
            raise UsageError(f"{run.path} is the same checkpoint as {same}: give it once")
    for run in runs:
        if run.summary["trained_on_split"] is None:
            raise UsageError(f"{run.path} does not state its split: score it alone")
    return _kind_of(runs, splits)


def _kind_of(runs: Sequence[ScoredRun], splits: Sequence[str]) -> Kind:
    trained = [str(run.summary["trained_on_split"]) for run in runs]
    wanted = list(splits) or list(dict.fromkeys(trained))
    doubled = [split for split, count in Counter(wanted).items() if count > 1]
    if doubled:
        raise UsageError(f"--split {doubled[0]} is given twice: give each split once")
    for run, split in zip(runs, trained, strict=True):
        if split not in wanted:
            raise UsageError(
                f"{run.path} was trained on split {split}, expected {' or '.join(wanted)}: a run "
                "is scored on its own split"
            )
    if len(wanted) == 1:
        return "seeds"
    for split in wanted:
        found = [str(run.path) for run, own in zip(runs, trained, strict=True) if own == split]
        if len(found) != 1:
            names = f" ({', '.join(found)})" if found else ""
            raise UsageError(
                f"split {split} has {len(found)} runs{names}, expected one for each of the splits "
                f"{', '.join(wanted)}"
            )
    return "splits"


def set_folder_name(runs: Sequence[ScoredRun], kind: Kind) -> str:
    """Return `eval-<n>-<kind>-<hash>`; the hash is that of results folders and checkpoints."""
    content = [f"{run.summary['checkpoint']['sha256']} {run.folder.name}" for run in runs]
    return f"eval-{len(runs)}-{kind}-{list_sha256(sorted(content))[:8]}"


def summarize_runs(runs: Sequence[ScoredRun], kind: Kind) -> dict[str, Any]:
    """Return the figures of each run, and their mean and sample standard deviation.

    Args:
        runs: Runs with finished summaries.
        kind: What tells the runs apart.
    """
    first = runs[0].summary
    names = [key for key in first if key.startswith("top") and key[3:].isdecimal()]
    names.append("cross_entropy")
    states = [
        state for state in first["by_audio"] if all(state in r.summary["by_audio"] for r in runs)
    ]
    rows = {
        "all": [run.summary for run in runs],
        "center_view": [run.summary["center_view"] for run in runs],
        **{state: [run.summary["by_audio"][state] for run in runs] for state in states},
    }
    return {
        "kind": kind,
        **{key: first[key] for key in (*_SAME, *_SETTINGS)},
        "runs": [
            {
                "run": str(run.path),
                "results": str(run.folder),
                **{key: run.summary[key] for key in ("split", "seed", "n", *names)},
                "intervals": run.summary["intervals"],
                "signature": run.summary["signature"],
            }
            for run in runs
        ],
        "interval_method": first["interval_method"],
        "deviation_of": f"sample standard deviation over {len(runs)} {kind}",
        "figures": {
            row: {
                name: mean_and_deviation([float(each[name]) for each in found])
                for name in names
                if name in found[0]
            }
            for row, found in rows.items()
        },
    }
