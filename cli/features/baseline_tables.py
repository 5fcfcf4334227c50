"""Table of the accuracies that a dataset gives without a network."""

from collections.abc import Iterator
from typing import Any, Final

HEADER: Final = ("linear model", "top-1", "95 %", "top-5", "95 %")

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""Title, header and rows."""


def baseline_tables(splits: dict[str, Any]) -> Iterator[Table]:
    """Return the table of every split with baselines: guesses without a model, then the models.

    Takes `splits` of `audit.json`.
    """
    for split, facts in splits.items():
        if not (found := facts.get("baselines")):
            continue
        guesses = {
            "chance": found["chance"],
            "most common class": facts["leak"]["top1_majority"],
            "audio presence": facts["leak"]["top1_presence"],
        }
        rows: list[tuple[str, ...]] = [
            (name, f"{100 * share:.2f} %", *("-",) * (len(HEADER) - 2))
            for name, share in guesses.items()
        ]
        for name, model in found["models"].items():
            cells = [_accuracy(model, rank) for rank in ("top1", "top5")]
            rows.append((name, *(cell for pair in cells for cell in pair)))
        method = found["interval_method"]
        over = f"intervals over {method['groups']} {method['unit']}s"
        yield (
            f"accuracy without a network, split {split}: {found['test']} clips, {over}",
            HEADER,
            rows,
        )


def _accuracy(model: dict[str, Any], rank: str) -> tuple[str, str]:
    if rank not in model:
        return "-", "-"
    low, high = (100 * each for each in model["intervals"][rank])
    return f"{100 * model[rank]:.2f} %", f"{low:.1f} to {high:.1f}"
