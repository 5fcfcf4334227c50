"""Section of one evaluation: figures, confusion matrix with its clips, classes, controls."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from avme.report.classes import class_table, confusion_counts, matrix
from avme.report.curves import degradation_chart, interval_chart
from avme.report.html import Markup, data_script, element
from avme.report.media import ClipMedia, embed_clips
from avme.report.runs import Evaluation
from avme.report.tables import Row, interval, percent, points, table
from avme.report.video_links import NO_FILE, VideoFolder

_AUDIO: Final = ("audible", "silent", "none")
_SUBSETS: Final = {
    "audible": "clips with audio",
    "silent": "clips with silent audio",
    "none": "clips without an audio track",
}
_MOST_PAIRS: Final = 12
_MOST_CLIPS: Final = 20_000
"""Predictions up to which a page has them all: about 60 bytes each."""


def evaluation_section(
    found: Evaluation,
    key: str,
    data: Path | None,
    budget: int,
    videos: VideoFolder | None = None,
) -> tuple[Markup, int]:
    """Return the section, and the bytes of its videos.

    Args:
        found: Evaluation.
        key: Identifier of the evaluation in the page.
        data: Prepared dataset, if it was found.
        budget: Bytes that its videos may take.
        videos: Folder of the original videos, to which its clips are linked.
    """
    predictions = found.predictions
    media, used = embed_clips(predictions, data, budget)
    section = element(
        "section",
        element("h2", title_of(found)),
        element("code", str(found.summary.get("signature", "no signature")), class_="signature"),
        element("h3", "Clips of the list"),
        subset_table(found),
        element("h3", "Confusion matrix"),
        *_confusion(found, key, media, videos),
        element("h3", "Classes"),
        class_table(predictions, f"{found.name}-classes"),
        *_controls(found),
        id=key,
    )
    return section, used


def title_of(found: Evaluation) -> str:
    """Return run and folder of an evaluation."""
    return f"{found.run}: {found.name}" if found.run else found.name


def titles_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return a short title of each evaluation: its run, where that has one evaluation only."""
    count = Counter(found.run for found in evaluations)
    return [
        found.run if found.run and count[found.run] == 1 else title_of(found)
        for found in evaluations
    ]


def top_ranks(summary: Any) -> list[int]:
    """Return the values of k in a summary, rising."""
    return sorted(
        int(name[3:]) for name in summary if name.startswith("top") and name[3:].isdigit()
    )


def subset_table(found: Evaluation) -> Markup:
    """Return top-k with intervals on all clips, on the center view and by audio."""
    summary = found.summary
    parts = [("all clips", summary)]
    if "center_view" in summary:
        parts.append(("all clips, center view only", summary["center_view"]))
    by_audio = summary.get("by_audio", {})
    parts += [(_SUBSETS.get(kind, kind), by_audio[kind]) for kind in by_audio]
    ranks = top_ranks(summary)
    columns = ["clips", "n", *(name for k in ranks for name in (f"top-{k}", f"95 % of top-{k}"))]
    rows: list[Row] = []
    for name, part in parts:
        ends = [part.get("intervals", {}).get(f"top{k}") or (None, None) for k in ranks]
        cells = [
            cell
            for k, (low, high) in zip(ranks, ends, strict=True)
            for cell in (percent(part.get(f"top{k}"), 2), interval(low, high))
        ]
        rows.append([name, int(part["n"]), *cells])
    unit = summary.get("interval_method", {}).get("unit", "group")
    return table(f"Top-k with 95 % intervals by {unit}", columns, rows, name=f"{found.name}-top")


def _confusion(
    found: Evaluation, key: str, media: ClipMedia, videos: VideoFolder | None
) -> list[Markup]:
    predictions = found.predictions
    predicted = predictions.probability.argmax(axis=1)
    highest = predictions.probability.max(axis=1)
    told = len(predictions.id) <= _MOST_CLIPS
    clips = [
        [name, int(label), int(guess), round(float(sure), 4), _AUDIO.index(audio)]
        for name, label, guess, sure, audio in zip(
            predictions.id, predictions.label, predicted, highest, predictions.audio, strict=True
        )
        if audio in _AUDIO
    ]
    note = (
        "Rows are true classes, columns predicted classes; the shade is the share of the row. "
        "Choose a cell to list its clips. "
    )
    if not told:
        note += f"{len(clips):,} clips are too many for a page: predictions.csv has them. "
    content: dict[str, Any] = {"classes": list(predictions.classes), "clips": clips if told else []}
    if videos is not None and told:
        kinds = [videos.kind_of(str(clip[0])) for clip in clips]
        content |= {"folder": videos.href, "kinds": kinds}
        linked = len(kinds) - kinds.count(NO_FILE)
        note += f"The names of {linked} of {len(kinds)} clips are links to their files. "
    embedded = [
        element("script", video, type="text/plain", id=f"video-{key}-{at}")
        for at, video in media.videos.items()
    ]
    live = element("p", id=f"live-{key}", class_="soft", aria_live="polite")
    return [
        element("p", note, media.note, class_="soft"),
        element(
            "div", element("div", matrix(predictions, key), live), _pairs(found, key), class_="grid"
        ),
        element("div", id=f"clips-{key}", class_="clips"),
        data_script(f"data-{key}", content),
        *embedded,
    ]


def _pairs(found: Evaluation, key: str) -> Markup:
    """Return the most frequent errors, each with a button that lists its clips."""
    counts, classes = confusion_counts(found.predictions), found.predictions.classes
    wrong = counts - np.diag(np.diag(counts))
    cells = sorted(((-int(wrong[t, p]), t, p) for t, p in np.argwhere(wrong).tolist()))[
        :_MOST_PAIRS
    ]
    rows: list[Row] = []
    for count, true, predicted in cells:
        opens = element(
            "button",
            "Clips",
            type="button",
            hidden=True,
            data_eval=key,
            data_pair=f"{true}:{predicted}",
            aria_label=f"Clips of {classes[true]} predicted as {classes[predicted]}",
        )
        rows.append([classes[true], classes[predicted], -count, opens])
    if not rows:
        return element("p", "No clip is predicted wrongly.")
    return table(
        "Most frequent errors",
        ["true class", "predicted", "clips", "list"],
        rows,
        name=f"{found.name}-errors",
    )


def _controls(found: Evaluation) -> list[Markup]:
    controls = found.controls
    if not controls:
        return []
    parts = [element("h3", "Controls")]
    verdicts: list[Row] = [
        [name.replace("_", " "), each["verdict"], each["words"]]
        for name, each in controls.get("verdict", {}).items()
    ]
    parts.append(
        table(
            "Verdicts", ["question", "verdict", "measured"], verdicts, name=f"{found.name}-verdicts"
        )
    )
    plain = [row for row in controls.get("table", []) if not row["degradation"]]
    for clips in dict.fromkeys(row["clips"] for row in plain):
        chosen = [row for row in plain if row["clips"] == clips]
        parts.append(_control_chart(clips, chosen))
    rows: list[Row] = [
        [
            row["clips"],
            _condition(row),
            int(row["n"]),
            percent(row["top1"]),
            interval(row["top1_low"], row["top1_high"]),
            points(row["difference"]),
            interval(row["difference_low"], row["difference_high"], signed=True),
        ]
        for row in controls.get("table", [])
    ]
    columns = ["clips", "audio and frames", "n", "top-1", "95 %", "points less real", "95 % of it"]
    inner = table("All conditions", columns, rows, name=f"{found.name}-controls")
    parts.append(element("details", element("summary", f"All {len(rows)} conditions"), inner))
    curves = [degradation_chart(curve) for curve in controls.get("degradation", [])]
    if curves:
        parts += [element("h3", "Degradations"), element("div", *curves, class_="grid")]
    return parts


def _control_chart(clips: str, rows: list[dict[str, Any]]) -> Markup:
    drawn = [
        (
            _condition(row),
            *(100 * row[name] for name in ("difference", "difference_low", "difference_high")),
        )
        for row in rows
        if _condition(row) != "real"
    ]
    caption = (
        f"Top-1 less that with real audio and frames, {clips} (n = {rows[0]['n']}), 95 % intervals"
    )
    return interval_chart(caption, drawn, "points")


def _condition(row: dict[str, Any]) -> str:
    named = [f"{name} {row[name]}" for name in ("audio", "frames") if row[name] != "real"]
    return ", ".join([*named, *filter(None, [row["degradation"]])]) or "real"
