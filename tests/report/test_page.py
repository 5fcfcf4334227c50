"""The page in a real browser: complete, quiet, usable, and safe with hostile names."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from avme.report.page import build_page
from avme.report.runs import read_contents
from avme.report.write import write_report
from avme.shards.dataset import PreparedDataset
from tests.report_files import read

MakeRun = Callable[..., Path]
HOSTILE = "<script>window.hit = 1</script>\"'&"
BIG_CLASSES, BIG_CLIPS = 101, 3783


def test_page_allows_nothing_from_outside(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")

    reader = read(build_page(read_contents([run]), tmp_path / "p.html", {}, 0))

    policy = next(a["content"] for tag, a in reader.found if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; media-src data:;")
    assert "unsafe" not in policy
    sources = [a[name] for _, a in reader.found for name in ("src", "href") if name in a]
    assert all(source is not None and source.startswith(("#", "data:")) for source in sources)
    assert not any("style" in a or any(key.startswith("on") for key in a) for _, a in reader.found)


def test_page_with_hostile_names_has_them_as_text(make_run: MakeRun, tmp_path: Path) -> None:
    clips = [f"{HOSTILE}/c{n}.avi" for n in range(12)]
    run = make_run(tmp_path / "<b>run", classes=[HOSTILE, "B", "C"], clips=clips, dataset=HOSTILE)

    page = build_page(read_contents([run]), tmp_path / "p.html", {}, 0)

    reader = read(page)
    assert HOSTILE in reader.text
    assert "window.hit = 1</script>" not in page
    assert [tag for tag, _ in reader.found].count("script") == 2  # data of one evaluation, and ours
    assert "<b>run" not in page


def test_page_with_evaluations_leaves_half_of_the_budget_to_clips(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run")
    (run / "large.gif").write_bytes(600 * b"g")
    (run / "small.gif").write_bytes(300 * b"g")

    page = build_page(read_contents([run]), tmp_path / "p.html", {}, 1000)

    assert 'href="run/large.gif"' in page
    assert page.count("data:image/gif") == 1


def test_page_of_many_classes_and_clips_stays_small(make_run: MakeRun, tmp_path: Path) -> None:
    page = build_page(read_contents([big(make_run, tmp_path)]), tmp_path / "p.html", {}, 0)

    assert len(page.encode()) < 1_000_000


def big(make_run: MakeRun, folder: Path) -> Path:
    classes = [f"ClassNumber{n}" for n in range(BIG_CLASSES)]
    clips = [
        f"ClassNumber{n % 101}/v_ClassNumber{n % 101}_g01_c{n:04d}.avi" for n in range(BIG_CLIPS)
    ]
    return make_run(folder / "big", classes=classes, count=BIG_CLIPS, clips=clips)


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun, finished: PreparedDataset
) -> dict[str, Path]:
    """A page with clips that play, one of hostile names, and a large one."""
    folder = tmp_path_factory.mktemp("pages")
    ids = [entry.id for entry in finished.entries]
    (folder / "videos" / "A").mkdir(parents=True)
    (folder / "p").mkdir()
    for name in ("100% #2.avi", "talk.mp4"):
        (folder / "videos" / "A" / name).touch()
    media = {"clips": ids, "count": len(ids), "fingerprint": finished.fingerprint}
    run = make_run(folder / "run", **media)
    (run / "truth.png").write_bytes(PIXEL)
    clips = [f"{HOSTILE}/c{n}.avi" for n in range(12)]
    hostile = make_run(folder / "hostile", classes=[HOSTILE, "B", "C"], clips=clips)
    cut = make_run(
        folder / "cut", clips=["A/100% #2.avi", "B", "C", "A/talk.mp4#5.5-7", *"DEFGHIJK"]
    )
    return {
        "linked": write_report([cut], folder / "p" / "linked.html", videos=folder / "videos"),
        "media": write_report([run], folder / "media.html", data=[finished.folder]),
        "hostile": write_report([hostile], folder / "hostile.html"),
        "big": write_report([big(make_run, folder)], folder / "big.html", media_mb=0.0),
    }


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


class Tab:
    """A page in the browser, with everything that it said or asked for."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.faults.append(said.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda asked: self.requests.append(asked.url))
        self.page.add_init_script(
            "window.long = []; new PerformanceObserver((list) => { for (const one of "
            "list.getEntries()) window.long.push(one.duration); }).observe({type: 'longtask', "
            "buffered: true});"
        )
        self.page.goto(file.as_uri())


@pytest.fixture
def open_tab(browser: Any, pages: dict[str, Path]) -> Iterator[Callable[..., Tab]]:
    """Open a page; afterwards it must have been quiet and have asked for nothing but itself."""
    tabs: list[tuple[Tab, Path]] = []

    def make(name: str, **options: Any) -> Tab:
        tabs.append((Tab(browser, pages[name], **options), pages[name]))
        return tabs[-1][0]

    yield make
    for tab, file in tabs:
        outside = [url for url in tab.requests if not url.startswith(("data:", "blob:"))]
        tab.context.close()
        assert tab.faults == []
        assert outside == [file.as_uri()]


@pytest.mark.slow
def test_page_cell_opens_its_clips_which_play_with_audio(open_tab: Callable[..., Tab]) -> None:
    page = open_tab("media").page

    page.click("svg.matrix rect.right[data-t='0'][data-p='0']")
    page.wait_for_selector("#clips-eval0 video")
    played = page.evaluate(
        """async () => {
          const found = [];
          for (const video of document.querySelectorAll("#clips-eval0 video")) {
            video.muted = true;
            await video.play();
            const started = performance.now();
            while (video.currentTime === 0 && performance.now() - started < 5000)
              await new Promise((resolve) => setTimeout(resolve, 20));
            const heard = video.webkitAudioDecodedByteCount > 0;
            found.push([video.currentTime > 0, video.videoWidth, heard]);
          }
          return found;
        }"""
    )

    assert "true class A, predicted A" in page.inner_text("#clips-eval0 h4")
    assert played
    assert all(width == 48 for _, width, _ in played), played
    assert sum(advances for advances, *_ in played) >= 2  # a clip of one frame ends at once
    assert any(has_audio for *_, has_audio in played)


@pytest.mark.slow
def test_page_with_videos_links_names_to_their_files(
    open_tab: Callable[..., Tab], pages: dict[str, Path]
) -> None:
    page = open_tab("linked").page

    page.click("svg.matrix rect.right[data-t='0'][data-p='0']")
    links = page.locator("#clips-eval0 a").evaluate_all("found => found.map((a) => a.href)")

    videos = pages["linked"].parents[1] / "videos"
    assert links == [
        (videos / "A/100% #2.avi").as_uri(),
        f"{(videos / 'A/talk.mp4').as_uri()}#t=5.5",
    ]


@pytest.mark.slow
def test_page_table_sorts_and_downloads(open_tab: Callable[..., Tab]) -> None:
    page = open_tab("media").page
    heads = page.locator("table[data-name$='-classes'] thead button")
    column = [text for text in heads.all_inner_texts()].index("top-1")

    def names() -> list[str]:
        return list(page.locator("table[data-name$='-classes'] tbody th").all_inner_texts())

    heads.nth(column).click()
    rising = names()
    heads.nth(column).click()
    with page.expect_download() as download:
        page.get_by_label("Download as JSON: Accuracy by class").click()

    assert (rising[0], names()[-1]) == ("C", "C")  # the class that is always wrong
    rows = json.loads(Path(download.value.path()).read_text())
    assert {row["class"] for row in rows} == {"A", "B", "C"}
    assert rows[-1]["top-1"] == 0


@pytest.mark.slow
def test_page_matrix_is_usable_by_keyboard(open_tab: Callable[..., Tab]) -> None:
    page = open_tab("media").page

    page.focus("svg.matrix")
    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    said = page.inner_text("#live-eval0")
    page.keyboard.press("Enter")

    assert said.startswith("true class C, predicted A: ")
    assert page.evaluate("document.activeElement.textContent").endswith("true class C, predicted A")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_on_a_phone_does_not_scroll_sideways(
    scheme: str, open_tab: Callable[..., Tab]
) -> None:
    page = open_tab("media", viewport={"width": 390, "height": 844}, color_scheme=scheme).page

    wide, color = page.evaluate(
        "[document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]"
    )
    page.click("#theme")
    switched = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert wide == 390
    assert {color, switched} == {"rgb(255, 255, 255)", "rgb(20, 24, 28)"}
    assert (color == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.slow
def test_page_with_hostile_names_runs_none_of_them(open_tab: Callable[..., Tab]) -> None:
    page = open_tab("hostile").page

    page.click("svg.matrix rect.right[data-t='0'][data-p='0']")

    assert HOSTILE in page.inner_text("#clips-eval0")
    assert page.evaluate("window.hit") is None


@pytest.mark.slow
def test_page_of_many_clips_keeps_the_main_thread_free(open_tab: Callable[..., Tab]) -> None:
    page = open_tab("big").page

    page.click("svg.matrix rect.right[data-t='50'][data-p='50']")
    page.click("table[data-name$='-classes'] thead button >> nth=2")
    page.wait_for_timeout(300)

    assert page.locator("#clips-eval0 li").count() == 24
    assert max(page.evaluate("window.long"), default=0.0) < 1000.0  # 200 ms on a quiet core


@pytest.mark.slow
def test_page_without_javascript_has_all_figures(open_tab: Callable[..., Tab]) -> None:
    page = open_tab("media", java_script_enabled=False).page

    assert page.locator("noscript p").is_visible()
    assert page.locator("svg.chart").count() >= 5
    assert page.locator("svg.matrix rect[data-t]").count() == 3
    assert page.locator("table tbody tr").count() > 10
    box = page.locator("figure img").bounding_box()
    assert box is not None
    assert box["width"] > 0
