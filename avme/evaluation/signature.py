"""Signature of a result: one line that states what was measured and how, for papers and tables."""

from collections.abc import Mapping
from typing import Any

from avme.evaluation.intervals import Groups

_DIGITS = 8


def signature(summary: Mapping[str, Any], groups: Groups, version: str) -> str:
    """Return the signature, such as `avme 1.0|ucf101/1/test|n=3783,g=707|views=5x3|...`.

    Fields: version; dataset, split, list and a subset of it; clips and groups; views; modality, and
    that of the classifier if it is another; audio; frames; training protocol; interval; hashes of
    checkpoint, scored list and train list.

    Args:
        summary: Summary of the evaluation.
        groups: Groups of the scored clips.
        version: Version of avme.
    """
    spec = groups.describe()
    return "|".join(
        (
            f"avme {version}",
            f"{summary['dataset']}/{summary['split']}/{_unless(summary, 'list', 'subset', 'all')}",
            f"n={summary['n']},g={groups.count}",
            "views=" + "x".join(str(count) for count in summary["views"].values()),
            f"mod={_unless(summary, 'modality', 'trained_modality', summary['modality'])}",
            f"audio={summary['audio']}",
            f"frames={summary['frames']}",
            *(f"degrade={each}" for each in summary["degrade"] if not summary["controls"]),
            f"proto={summary['protocol']}",
            f"ci={spec['unit']}-bs{spec['resamples']}:{spec['seed']}",
            f"ckpt={_short(summary['checkpoint']['sha256'])}",
            f"list={_short(summary['list_sha256'])}",
            f"train={_short(summary['train_list_sha256'])}",
        )
    )


def _unless(summary: Mapping[str, Any], first: str, second: str, usual: str) -> str:
    """Return a value, followed by a second one unless that is the usual."""
    value, other = str(summary[first]), str(summary[second])
    return value if other == usual else f"{value}/{other}"


def _short(sha256: object) -> str:
    return str(sha256)[:_DIGITS] if sha256 else "?"
