"""Signature of a result: one line that states what was measured and how, for papers and tables."""

from collections.abc import Mapping
from typing import Any

from avme.evaluation.intervals import Groups

_DIGITS = 8


def signature(summary: Mapping[str, Any], groups: Groups, version: str) -> str:
    """Return the signature, such as `avme 1.0|ucf101/1/test|n=3783,g=707|views=5x3|...`.

    Fields: version; dataset, split and subset; clips and groups; views; modality; audio mode;
    training protocol; interval; hashes of checkpoint, test list and train list.

    Args:
        summary: Summary of the evaluation.
        groups: Groups of the scored clips.
        version: Version of avme.
    """
    spec = groups.describe()
    return "|".join(
        (
            f"avme {version}",
            f"{summary['dataset']}/{summary['split']}/{summary['subset']}",
            f"n={summary['n']},g={groups.count}",
            "views=" + "x".join(str(count) for count in summary["views"].values()),
            f"mod={summary['modality']}",
            f"audio={summary['audio']}",
            f"proto={summary['protocol']}",
            f"ci={spec['unit']}-bs{spec['resamples']}:{spec['seed']}",
            f"ckpt={_short(summary['checkpoint']['sha256'])}",
            f"list={_short(summary['list_sha256'])}",
            f"train={_short(summary['train_list_sha256'])}",
        )
    )


def _short(sha256: object) -> str:
    return str(sha256)[:_DIGITS] if sha256 else "?"
