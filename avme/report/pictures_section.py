"""Section of pictures: figures and videos that stages left in their run folders."""

from base64 import b64encode
from pathlib import Path
from typing import Final

from avme.report.html import Markup, element
from avme.report.runs import Run
from avme.report.video_links import relative_href

_TYPES: Final = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}


def pictures_section(runs: tuple[Run, ...], folder: Path, budget: int) -> tuple[Markup, int]:
    """Return figures and videos in the run folders, embedded within the budget and linked beyond.

    Args:
        runs: Runs.
        folder: Folder of the page.
        budget: Bytes that they may take.

    Returns:
        The section, empty without pictures, and the bytes used.
    """
    shown, used = [], 0
    for run in runs:
        for path in run.images:
            caption = f"{run.name}/{path.relative_to(run.folder)}"
            size = 4 * ((path.stat().st_size + 2) // 3)
            if used + size > budget:
                link = element("a", caption, href=relative_href(path, folder))
                shown.append(element("p", link, " is left out: the media budget is used up."))
                continue
            used += size
            source = (
                f"data:{_TYPES[path.suffix]};base64,{b64encode(path.read_bytes()).decode('ascii')}"
            )
            if path.suffix == ".mp4":
                media = element(
                    "video",
                    src=source,
                    controls=True,
                    loop=True,
                    preload="metadata",
                    aria_label=caption,
                )
            else:
                media = element("img", src=source, alt=caption)
            shown.append(element("figure", media, element("figcaption", caption)))
    if not shown:
        return Markup(""), 0
    return element("section", element("h2", "Pictures"), *shown, id="pictures"), used
