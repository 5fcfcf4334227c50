"""First section of a report: accuracies with their signatures, and what to know before reading."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from avme.report.evaluation_section import titles_of, top_ranks
from avme.report.html import Markup, element
from avme.report.runs import Contents, Evaluation
from avme.report.tables import Row, interval, percent, table

_LEAK: Final = (
    "the classifier was trained with protocol all, and the list has clips with and without audio: "
    "presence of audio alone may predict the class, so that a gain of av over v does not prove "
    "that its content helps"
)


def summary_section(contents: Contents) -> Markup:
    """Return accuracies with signatures, warnings, and the table of evaluations."""
    parts, titles = [], titles_of(contents.evaluations)
    said = warnings_of(contents)
    if contents.evaluations:
        parts.append(element("div", *map(_card, contents.evaluations, titles), class_="cards"))
    else:
        parts.append(element("p", "No evaluation yet: `avme eval RUN` adds one."))
    if said:
        items = element("ul", *(element("li", line) for line in said))
        parts.append(element("div", element("h3", "Warnings"), items, class_="warnings"))
    rows: list[Row] = []
    for at, found in enumerate(contents.evaluations):
        summary = found.summary
        ranks = top_ranks(summary)
        low, high = (
            summary.get("intervals", {}).get(f"top{ranks[0]}") or (None, None)
            if ranks
            else (None, None)
        )
        views = "x".join(str(count) for count in summary.get("views", {}).values())
        rows.append(
            [
                element("a", titles[at], href=f"#eval{at}"),
                str(summary.get("dataset")),
                f"{summary.get('split')}/{summary.get('list')}",
                str(summary.get("modality")),
                str(summary.get("protocol")),
                views,
                int(summary["n"]),
                percent(summary.get(f"top{ranks[0]}") if ranks else None, 2),
                interval(low, high),
                percent(summary.get(f"top{ranks[-1]}") if len(ranks) > 1 else None, 2),
            ]
        )
    if rows:
        columns = ["evaluation", "dataset", "split/list", "modality", "protocol", "views", "n"]
        last = max((top_ranks(found.summary) or [1])[-1] for found in contents.evaluations)
        columns += ["top-1", "95 %", *([f"top-{last}"] if last > 1 else [])]
        rows = [row[: len(columns)] for row in rows]
        parts.append(table("Evaluations", columns, rows, name="evaluations"))
    return element("section", element("h2", "Summary"), *parts, id="summary")


def warnings_of(contents: Contents) -> list[str]:
    """Return everything that a reader must know before the figures."""
    said = [*contents.notes]
    for run in contents.runs:
        said += [f"{run.name}: {line}" for line in run.warnings]
    by_line: dict[str, list[str]] = {}
    for name, found in zip(titles_of(contents.evaluations), contents.evaluations, strict=True):
        for line in _cautions(found.summary):
            by_line.setdefault(line, []).append(name)
    said += [f"{', '.join(names)}: {line}" for line, names in by_line.items()]
    return list(dict.fromkeys(said))


def _cautions(summary: Mapping[str, Any]) -> Iterator[str]:
    is_fused = summary.get("protocol") == "all" and summary.get("modality") == "av"
    if is_fused and len(summary.get("by_audio", {})) > 1:
        yield _LEAK
    if summary.get("quarantined"):
        yield f"{summary['quarantined']} clips of the list could not be decoded"
    if summary.get("untrained_classes"):
        yield f"{len(summary['untrained_classes'])} classes of the list have no training clip"
    checkpoint = summary.get("checkpoint") or {}
    if checkpoint.get("best_by_validation") and Path(str(checkpoint.get("path"))).name == "last.pt":
        yield "scored from the last epoch, not from the best by validation"
    for what in ("audio", "frames"):
        if summary.get(what) not in ("real", "none", "protocol", None):
            yield f"scored with {what} {summary[what]}"


def _card(found: Evaluation, title: str) -> Markup:
    summary = found.summary
    ranks = top_ranks(summary)
    first = ranks[0] if ranks else 1
    low, high = summary.get("intervals", {}).get(f"top{first}") or (None, None)
    method = summary.get("interval_method", {})
    shown = percent(summary.get(f"top{first}")).shown or "?"
    over = f"{method.get('groups', '?')} {method.get('unit', 'group')}s"
    inputs = f"modality {summary.get('modality')}, protocol {summary.get('protocol')}"
    return element(
        "div",
        element("h3", title),
        element("div", shown, class_="big"),
        element("p", f"top-{first}; 95 %: {interval(low, high).shown} % over {over}"),
        element("p", f"n = {summary['n']}, {inputs}", class_="soft"),
        element("code", str(summary.get("signature", "no signature"))),
        class_="card",
    )
