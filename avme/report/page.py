"""Page of a report: sections in the order in which they are read."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from avme import __version__
from avme.report.evaluation_section import evaluation_section, title_of, titles_of
from avme.report.html import Markup, element, join
from avme.report.pictures_section import pictures_section
from avme.report.runs import Contents
from avme.report.summary_section import summary_section
from avme.report.training_section import settings_section, training_section
from avme.report.video_links import VideoFolder


def build_page(
    contents: Contents,
    out: Path,
    datasets: Mapping[str, Path],
    media_bytes: int,
    videos: VideoFolder | None = None,
) -> str:
    """Return the HTML of a report.

    Args:
        contents: Runs and evaluations.
        out: File that will be written; links are relative to its folder.
        datasets: Folders of prepared datasets, by fingerprint.
        media_bytes: Bytes that images and videos may take, in base64.
        videos: Folder of the original videos, to which clips are linked.
    """
    left = media_bytes
    most = left // 2 if contents.evaluations else left  # so that clips play beside large pictures
    pictures, used = pictures_section(contents.runs, out.parent, most)
    left -= used
    sections = []
    for at, found in enumerate(contents.evaluations):
        share = left // (len(contents.evaluations) - at)
        data = datasets.get(str(found.summary.get("fingerprint")))
        section, used = evaluation_section(found, f"eval{at}", data, share, videos)
        left -= used
        sections.append(section)
    body = [
        summary_section(contents),
        training_section(contents.runs),
        *sections,
        pictures,
        settings_section(contents.runs),
    ]
    return _document(_title(contents), _links(contents, body), join(*body))


def _title(contents: Contents) -> str:
    names = [run.name for run in contents.runs] or [
        title_of(found) for found in contents.evaluations
    ]
    return ", ".join(names)


def _links(contents: Contents, body: list[Markup]) -> Markup:
    whole = "".join(body)
    named = [("summary", "Summary"), ("training", "Training")]
    named += [(f"eval{at}", name) for at, name in enumerate(titles_of(contents.evaluations))]
    named += [("pictures", "Pictures"), ("settings", "Settings")]
    items = (
        element("li", element("a", label, href=f"#{key}"))
        for key, label in named
        if f' id="{key}"' in whole
    )
    return element("nav", element("ul", *items), aria_label="Sections")


def _document(title: str, links: Markup, body: Markup) -> str:
    style, script = (
        files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js")
    )
    policy = (
        "default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    head = join(
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title}: avme report"),
        Markup(f"<style>{style}</style>"),
    )
    note = element(
        "noscript",
        element(
            "p",
            "Without JavaScript tables are not sorted and clips do not play; all figures are here.",
        ),
    )
    header = element(
        "header", element("p", "avme report", class_="soft"), element("h1", title), note
    )
    footer = element(
        "footer",
        f"Made by avme {__version__}. This file is complete: it loads nothing from anywhere.",
    )
    page = element(
        "body", links, header, element("main", body), footer, Markup(f"<script>{script}</script>")
    )
    return f"<!DOCTYPE html>\n{element('html', element('head', head), page, lang='en')}\n"


def _hash(content: str) -> str:
    return f"sha256-{b64encode(sha256(content.encode()).digest()).decode('ascii')}"
